"""Images that never were files: arrays and Pillow images as an `ImageSet`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from patchsieve.errors import ImagesError
from patchsieve.images.collection import ImageRecord, ImageSet, Pixels
from patchsieve.images.decoding import pixels_of
from patchsieve.images.opening import in_words
from patchsieve.images.rgb import rgb_from_array

LAYOUT = "arrays"


def from_arrays(
    source: npt.NDArray[Any] | Image.Image | Sequence[npt.NDArray[Any] | Image.Image],
) -> ImageSet:
    """Return arrays or Pillow images as unlabelled records "array-0", "array-1", ..., converted to uint8 RGB.

    Args:
        source: an array `[N, H, W, 3]`, `[N, H, W, 4]`, `[N, H, W]` (grey), `[H, W, 3]`, `[H, W, 4]` or
            `[H, W]`, a Pillow image, or a list of arrays of one image each and Pillow images.

    Raises:
        ImagesError: a shape or a value cannot be an image; the text names the array and the reason.
    """
    images = _split(source)
    if not len(images):
        raise ImagesError("no images: the array has none")
    width = len(str(len(images) - 1))
    names = [f"array-{index:0{width}}" for index in range(len(images))]
    records = tuple(
        ImageRecord(name, pixels=_pixels(name, image)) for name, image in zip(names, images, strict=True)
    )
    return ImageSet(Path(), LAYOUT, records)


def _split(
    source: npt.NDArray[Any] | Image.Image | Sequence[npt.NDArray[Any] | Image.Image],
) -> Sequence[npt.NDArray[Any] | Image.Image]:
    if isinstance(source, Image.Image):
        return [source]
    if not isinstance(source, np.ndarray):
        return source
    one = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))
    if not one and source.ndim not in (3, 4):
        raise ImagesError(f"an array of shape {source.shape} is not a set of images: [N, H, W, 3] is needed")
    return [source] if one else list(source)


def _pixels(name: str, image: npt.NDArray[Any] | Image.Image) -> Pixels:
    with in_words(Path(name), "image"):
        if isinstance(image, Image.Image):
            return pixels_of(image)
        # A copy: the record must not change when the caller goes on to use their buffer.
        return rgb_from_array(image.copy())
