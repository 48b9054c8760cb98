"""Any pixel array to uint8 RGB on one fixed scale per kind of number.

The scale never depends on the values of one image: a dark part has to stay darker than a bright one, since
intensity is evidence. What does not fit its scale is refused instead of clipped out of sight.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from patchsieve.errors import ImagesError
from patchsieve.images.collection import Pixels

FLOAT_TOLERANCE = 0.1


def rgb_from_array(array: npt.NDArray[Any], *, bits: int = 16) -> Pixels:
    """Bring an array of pixels to uint8 RGB.

    - uint8: as it is; bool: 0 and 255.
    - integers of more than 8 bits: the high byte of `bits` bits, i.e. 0 to 65535 become 0 to 255 (which gives
      8-bit values that were widened back exactly). Negative or larger values are refused.
    - floats: 0 to 1 become 0 to 255, rounded. Ringing of up to 0.1 beyond either end is clipped; anything
      further out is another scale and is refused, and so are NaN and infinity.

    Args:
        array: grey `[H, W]` or `[H, W, 1]`, RGB `[H, W, 3]`, or RGBA `[H, W, 4]`, which is laid over white.
        bits: how many bits of a wide integer carry intensity.

    Returns:
        uint8 `[H, W, 3]`, contiguous; shares memory with `array` where nothing had to change.

    Raises:
        ImagesError: the shape or the values cannot be pixels; the text is the reason alone.
    """
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        shape = " x ".join(map(str, array.shape))
        raise ImagesError(f"an array of {shape} is not an image: [H, W], [H, W, 3] or [H, W, 4] is needed")
    if 0 in array.shape:
        raise ImagesError("it has no pixels")
    tones = _bytes(array, bits)
    if tones.shape[2] == 4:
        tones = over_white(tones)
    elif tones.shape[2] == 1:
        tones = np.repeat(tones, 3, axis=2)
    return np.ascontiguousarray(tones)


def over_white(rgba: Pixels) -> Pixels:
    """Lay uint8 RGBA `[H, W, 4]` over white and return RGB; a fully opaque image keeps every value.

    Transparent parts show white, as a viewer or a printed page would show them, and never the colour that
    happens to be stored beneath.
    """
    colour, alpha = rgba[:, :, :3], rgba[:, :, 3:]
    if alpha.min() == 255:
        return colour
    weight = alpha.astype(np.uint32)
    return ((colour * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)


def _bytes(array: npt.NDArray[Any], bits: int) -> Pixels:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu":
        return _high_byte(array, bits)
    if array.dtype.kind == "f":
        return _from_unit(array)
    raise ImagesError(f"values of type {array.dtype} are not pixels: uint8, uint16, bool or float is needed")


def _high_byte(array: npt.NDArray[Any], bits: int) -> Pixels:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= 1 << bits:
        raise ImagesError(
            f"its values run from {low} to {high}, outside the {bits}-bit range 0 to {(1 << bits) - 1}"
        )
    return (array >> (bits - 8)).astype(np.uint8)


def _from_unit(array: npt.NDArray[Any]) -> Pixels:
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImagesError("it holds NaN or infinite values")
    if low < -FLOAT_TOLERANCE or high > 1 + FLOAT_TOLERANCE:
        raise ImagesError(
            f"its float values run from {low:.6g} to {high:.6g}; floats are read on the scale 0 to 1"
        )
    tones: Pixels = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    return tones
