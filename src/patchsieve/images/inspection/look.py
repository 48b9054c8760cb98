"""The facts of one image, from one reading of its file."""

import hashlib
from dataclasses import dataclass

from patchsieve.errors import BrokenImageError
from patchsieve.images.augmentation import augmented
from patchsieve.images.collection import ImageRecord, Pixels
from patchsieve.images.decoding import decode, decode_mask, pixels_of
from patchsieve.images.hashing import augmented_hash, content_hash, pixel_hash
from patchsieve.images.opening import Header, header_of, in_words, open_file, open_header


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of one readable image.

    Attributes:
        record: the image.
        header: what its file says of itself; "array" is the format of an image without a file.
        file_hash: `content_hash` of the record.
        pixel_hash: SHA-256 of the decoded pixels.
        brightest: the highest value of the decoded pixels, 0 to 255.
        mask_problem: why the mask cannot be used, None where it can or where there is none.
    """

    record: ImageRecord
    header: Header
    file_hash: str
    pixel_hash: str
    brightest: int
    mask_problem: str | None


def look(record: ImageRecord, max_pixels: int) -> Facts | BrokenImageError:
    """Return the facts of an image, or the error that decoding it raises."""
    try:
        header, file_hash, pixels = _read(record, max_pixels)
    except BrokenImageError as error:
        return error
    by_pixels = pixel_hash(pixels)
    problem = _mask_problem(record, pixels, max_pixels)
    return Facts(record, header, file_hash or content_hash(record), by_pixels, int(pixels.max()), problem)


def _read(record: ImageRecord, max_pixels: int) -> tuple[Header, str, Pixels]:
    if record.path is None:
        pixels = decode(record)
        return Header(pixels.shape[1], pixels.shape[0], "RGB", 8, "array"), "", pixels
    with open_file(record.path) as stream:
        with in_words(record.path, "file"):
            file_hash = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
        image = open_header(stream, record.path, max_pixels)
        header = header_of(image)
        with in_words(record.path, header.format):
            pixels = augmented(pixels_of(image), record.augmentations)
            return header, augmented_hash(file_hash, record.augmentations), pixels


def _mask_problem(record: ImageRecord, pixels: Pixels, max_pixels: int) -> str | None:
    if record.mask is None:
        return None
    try:
        mask = decode_mask(record, (pixels.shape[0], pixels.shape[1]), max_pixels=max_pixels)
    except BrokenImageError as error:
        return error.reason
    return None if mask.any() else "the mask is empty, though the image is labelled defective"
