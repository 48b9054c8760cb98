"""Anomaly maps as colours: one scale for all images of a set, so that a normal image looks normal."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from patchsieve.images.collection import Pixels

if TYPE_CHECKING:
    # For its type alone: it brings torch, and a line draws without.
    from patchsieve.detectors import Detector

FloatMap = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]

# Sky blue of Okabe and Ito (2008): the colour map has no blue as light, so a line of it is seen everywhere.
FOUND_COLOUR: Colour = (86, 180, 233)

# Matplotlib's inferno, every eighth of its 256 colours: perceptually uniform, readable with every kind of colour vision
# and in a grey print.
_INFERNO = """
    000004 040312 0b0724 150b37 210c4a 2f0a5b 3d0965 4a0c6b 57106e 64156e 71196e
    7d1e6d 8a226a 972766 a32c61 b0315b bc3754 c63d4d d04545 da4e3c e35933 eb6429
    f1711f f67e14 f98c0a fb9b06 fcaa0f fbba1f f9c932 f5d949 f2e865 f3f586 fcffa4
"""
_UNSEEN_COLOUR: Colour = (200, 200, 200)
_THRESHOLD_AT = 0.5
# The pixel score that normal surface often reaches: the dark end of the colour scale.
_TYPICAL = 0.9
_OPACITY = 0.7
_VEIL = 0.5


@dataclass(frozen=True, slots=True)
class ColourScale:
    """Which anomaly score gets which colour, shared by all images that are to be compared.

    Attributes:
        low: scores up to here are the darkest colour on a map and fully transparent on an overlay.
        high: scores from here are the brightest colour.

    Raises:
        ValueError: a bound is not finite, or `high` is not above `low`.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse bounds that no colour can be read from."""
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"a colour scale needs finite low < high, not {self.low} and {self.high}")

    @classmethod
    def from_training(cls, typical: float, threshold: float) -> "ColourScale":
        """Return the scale with the threshold in its middle.

        Args:
            typical: a pixel score that normal surface often reaches, e.g. the 0.9 quantile of all anomaly maps
                of the training images: it becomes the dark end.
            threshold: the image threshold; the bright end lies as far above it as `typical` lies below. Where
                `typical` is not below it (a threshold set by hand), the scale begins at 0 or, for a threshold
                that is not positive, one unit below.
        """
        low = typical if typical < threshold else min(0.0, threshold - 1.0)
        return cls(low, low + (threshold - low) / _THRESHOLD_AT)

    def positions(self, scores: npt.NDArray[np.floating]) -> FloatMap:
        """Return where the scores lie on the scale, 0 to 1, same shape; NaN stays NaN."""
        positions = np.clip((scores - self.low) / (self.high - self.low), 0.0, 1.0)
        return np.asarray(positions, np.float32)


@runtime_checkable
class Coloured(Protocol):
    """A model that knows its scale of colours instead of its training images, as exported ones do."""

    @property
    def colour_scale_(self) -> tuple[float, float]: ...  # noqa: D102


def colour_scale(model: "Detector | Coloured") -> ColourScale:
    """Return the one scale for all pictures of a model: dark where normal surface is, the threshold in its middle."""
    if isinstance(model, Coloured):
        return ColourScale(*model.colour_scale_)
    scores = model.training_.scores
    # Without the suspects: large defects would pass for normal surface. The median keeps at least half.
    calm = scores <= max(model.threshold_, float(np.median(scores)))
    typical = float(np.quantile(model.training_.patch_maps.numpy()[calm], _TYPICAL))
    return ColourScale.from_training(typical, model.threshold_)


def place_map(anomaly_map: FloatMap, box: Box, height: int, width: int) -> FloatMap:
    """Lay an anomaly map over the image that it belongs to.

    Args:
        anomaly_map: float32 `[h, w]` in the model frame.
        box: (left, top, right, bottom), the part of the image that the map covers, in pixels, not rounded.
        height: of the image.
        width: of the image.

    Returns:
        float32 `[height, width]`: bilinear between the centres of the map's cells, and NaN where the centre
        of a pixel lies outside the box: nobody has looked there.
    """
    left, top, right, bottom = box
    rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
    down, across = anomaly_map.shape
    placed = _between(anomaly_map, (rows - top) / (bottom - top) * down - 0.5)
    placed = _between(placed.T, (columns - left) / (right - left) * across - 0.5).T
    placed[(rows < top) | (rows >= bottom)] = np.nan
    placed[:, (columns < left) | (columns >= right)] = np.nan
    return placed


def _between(values: FloatMap, places: npt.NDArray[np.float64]) -> FloatMap:
    """Return `[P, n]`: at places between rows of `[h, n]` their weighted mean, beyond the ends the last row."""
    inside = places.clip(0, len(values) - 1)
    first = np.minimum(inside.astype(np.intp), max(len(values) - 2, 0))
    share = (inside - first).astype(np.float32)[:, None]
    second = np.minimum(first + 1, len(values) - 1)
    return np.asarray(values[first] * (1 - share) + values[second] * share, np.float32)


def heat_map(anomaly_map: FloatMap, scale: ColourScale) -> Pixels:
    """Return uint8 RGB `[h, w, 3]`: dark where normal, bright where not, light grey where the map is NaN."""
    positions = scale.positions(anomaly_map)
    seen = ~np.isnan(positions)
    colours = np.empty((*positions.shape, 3), np.uint8)
    colours[seen] = _colours()[np.round(positions[seen] * 255).astype(np.intp)]
    colours[~seen] = _UNSEEN_COLOUR
    return colours


def overlay(pixels: Pixels, anomaly_map: FloatMap, scale: ColourScale, box: Box) -> Pixels:
    """Colour an image by its anomaly map.

    The colours of `heat_map` are mixed in with an opacity that grows from nothing at the scale's low end to
    its full value at the middle, so surface that scores as normal surface does shows through unchanged. What
    lies outside the box is veiled in grey: the model has not seen it.

    Args:
        pixels: uint8 RGB `[H, W, 3]`.
        anomaly_map: float32 `[h, w]` in the model frame.
        scale: shared by all images that are shown together.
        box: as in `place_map`.

    Returns:
        uint8 RGB `[H, W, 3]`.
    """
    placed = place_map(anomaly_map, box, *pixels.shape[:2])
    seen = ~np.isnan(placed)
    positions = scale.positions(np.where(seen, placed, scale.low))
    opacity = (_OPACITY * np.minimum(positions / _THRESHOLD_AT, 1.0) ** 2)[..., None]
    mixed = pixels * (1 - opacity) + heat_map(placed, scale) * opacity
    mixed[~seen] += _VEIL * (np.array(_UNSEEN_COLOUR) - mixed[~seen])
    return np.asarray(np.round(mixed), np.uint8)


def outline(pixels: Pixels, mask: Mask, colour: Colour, width: int = 2) -> Pixels:
    """Draw a line around every region of a mask, on its outside so that the region itself stays visible.

    Args:
        pixels: uint8 RGB `[H, W, 3]`; not changed.
        mask: bool `[H, W]`.
        colour: of the line, RGB.
        width: of the line in pixels.

    Raises:
        ValueError: the mask is not of the image's size.
    """
    if mask.shape != pixels.shape[:2]:
        raise ValueError(f"the mask is {mask.shape} but the image {pixels.shape[:2]}")
    grown = _grown(_grown(mask, width).T, width).T
    drawn = pixels.copy()
    drawn[grown & ~mask] = colour
    return drawn


def _grown(mask: Mask, width: int) -> Mask:
    """Return a mask with so many rows more above and below all that is in it."""
    near = np.lib.stride_tricks.sliding_window_view(
        np.pad(mask, ((width, width), (0, 0))), 2 * width + 1, axis=0
    )
    return np.asarray(near.any(axis=-1))


@cache
def _colours() -> Pixels:
    anchors = np.frombuffer(bytes.fromhex(_INFERNO), np.uint8).reshape(-1, 3)
    return np.round(_between(anchors.astype(np.float32), np.linspace(0, len(anchors) - 1, 256))).astype(
        np.uint8
    )
