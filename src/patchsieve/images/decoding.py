"""One image file to pixels as a person would see them: uint8 RGB, upright; and one mask file to booleans."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.images.augmentation import augmented, augmented_mask
from patchsieve.images.collection import ImageRecord, Pixels
from patchsieve.images.folders import find_images
from patchsieve.images.opening import MAX_PIXELS, in_words, open_file, open_header, orientation_of, probe
from patchsieve.images.rgb import over_white, rgb_from_array

Mask = npt.NDArray[np.bool_]


def decode(source: ImageRecord | Path | str, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return the pixels of an image as uint8 RGB `[H, W, 3]`, upright.

    - Grey, 1-bit, palette and CMYK images become RGB; colour profiles are not applied.
    - Transparent parts show white; a fully opaque alpha channel changes nothing.
    - 16-bit grey and colour are scaled by the format's full range (the high byte), floats from 0 to 1, never by
      the values of the one image. 32-bit integers are taken to hold 16-bit values, as cameras store them; a
      12-bit TIFF is scaled by 4095. See `patchsieve.images.rgb` for what is refused.
    - The EXIF orientation is applied. Of several frames or pages the first one is taken.
    - A record's augmentations are applied last.

    The array is new and may be written to, but for a record with uint8 RGB pixels, which gets its own back.

    Args:
        source: a file, or a record with a file or with pixels.
        max_pixels: refuse larger images from their header, before any pixel is decoded.

    Raises:
        BrokenImageError: with the reason in a few words.
    """
    if not isinstance(source, ImageRecord):
        path = Path(source)
    elif source.pixels is not None:
        with in_words(Path(source.name), "array"):
            return augmented(rgb_from_array(source.pixels), source.augmentations)
    elif source.path is not None:
        path = source.path
    else:
        raise BrokenImageError(Path(source.name), "the record has neither a file nor pixels")
    with open_file(path) as stream:
        image = open_header(stream, path, max_pixels)
        with in_words(path, image.format or "image"):
            pixels = pixels_of(image)
    return augmented(pixels, source.augmentations) if isinstance(source, ImageRecord) else pixels


def decode_mask(
    source: ImageRecord | Path | str,
    shape: tuple[int, int] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Mask:
    """Return a ground-truth mask as bool `[H, W]`; every pixel that is not black is defective.

    In a palette image the colour counts, not its index; in one with an alpha channel transparent pixels are
    not defective. The mask is turned by its own EXIF orientation only: masks are drawn on the image as it is
    shown, and `decode` gives the image as it is shown. Where a record's augmentations move its image, they move
    its mask too.

    Args:
        source: the mask's file, or a folder of masks of the same image, of which the union is taken; or a record
            that has one of these.
        shape: (height, width) of the decoded image that the mask belongs to, to be checked; of a record, by
            default, what the header of its image says.
        max_pixels: refuse larger masks from their header.

    Raises:
        BrokenImageError: the record has no mask, the file cannot be decoded, or its size is not `shape`.
    """
    if not isinstance(source, ImageRecord):
        path = Path(source)
    elif source.mask is not None:
        path = source.mask
    else:
        raise BrokenImageError(source.path or Path(source.name), "the record has no mask")
    if shape is None and isinstance(source, ImageRecord):
        shape = _shape(source, max_pixels)
    mask = _union(path, max_pixels) if path.is_dir() else _one_mask(path, max_pixels)
    if shape is not None and mask.shape != tuple(shape):
        raise BrokenImageError(path, _size_reason(mask.shape, shape))
    return augmented_mask(mask, source.augmentations) if isinstance(source, ImageRecord) else mask


def pixels_of(image: Image.Image) -> Pixels:
    """Return a Pillow image as uint8 RGB `[H, W, 3]`, by the rules of `decode`.

    Raises:
        ImagesError: its values or its colour mode cannot be used; decoding may raise Pillow's own errors.
    """
    image.load()
    if image.mode[0] in "IF":
        pixels = rgb_from_array(np.asarray(image), bits=_intensity_bits(image))
    elif image.has_transparency_data:
        pixels = over_white(np.asarray(image.convert("RGBA")))
    elif image.mode == "LAB":
        raise ImagesError("its colour mode is LAB, which is not read; save it as RGB")
    else:
        pixels = np.asarray(image.convert("RGB"))
    # Pillow hands out read-only memory, of which torch complains.
    return np.require(_upright(pixels, orientation_of(image)), requirements=("C", "W"))


def _shape(record: ImageRecord, max_pixels: int) -> tuple[int, int] | None:
    if record.pixels is not None:
        return record.pixels.shape[0], record.pixels.shape[1]
    if record.path is None:
        return None
    header = probe(record.path, max_pixels=max_pixels)
    return header.height, header.width


def _union(folder: Path, max_pixels: int) -> Mask:
    with in_words(folder, "folder"):
        files = find_images(folder, recursive=False).images
    if not files:
        raise BrokenImageError(folder, "a folder without a mask in it")
    first, *others = files
    union = _one_mask(first, max_pixels)
    for path in others:
        mask = _one_mask(path, max_pixels)
        if mask.shape != union.shape:
            raise BrokenImageError(
                path, f"its size differs from that of {first.name}, a mask of the same image"
            )
        union |= mask
    return union


def _one_mask(path: Path, max_pixels: int) -> Mask:
    with open_file(path) as stream:
        image = open_header(stream, path, max_pixels)
        with in_words(path, image.format or "image"):
            return _upright(_not_black(image), orientation_of(image))


def _intensity_bits(image: Image.Image) -> int:
    if not isinstance(image, TiffImageFile):
        return 16
    bits = int(image.tag_v2.get(258, (16,))[0])
    signed = image.tag_v2.get(339, (1,))[0] == 2
    return 15 if signed and bits == 16 else min(bits, 16)


def _not_black(image: Image.Image) -> Mask:
    image.load()
    if image.mode[0] in "IF" or (image.mode in ("1", "L") and not image.has_transparency_data):
        # Not by way of 8 bits: label 1 of a 16-bit mask is a defect too.
        labels: Mask = np.asarray(image) != 0
        return labels
    values = np.asarray(image.convert("RGBA"))
    coloured: Mask = (values[:, :, :3] != 0).any(axis=2) & (values[:, :, 3] != 0)
    return coloured


def _upright(values: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Apply an EXIF orientation, 1 to 8, to an array `[H, W, ...]`."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def _size_reason(mask: tuple[int, ...], image: tuple[int, int]) -> str:
    reason = f"the mask is {mask[1]} x {mask[0]} pixels, its image {image[1]} x {image[0]} (width x height)"
    if mask == (image[1], image[0]):
        reason += "; it looks drawn on the image before its rotation"
    return reason
