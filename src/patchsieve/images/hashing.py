"""Content as identity: the same picture is found again whatever its file is called or how it was saved."""

import hashlib

from patchsieve.images.collection import ImageRecord, Pixels
from patchsieve.images.decoding import decode
from patchsieve.images.opening import in_words, open_file


def content_hash(record: ImageRecord) -> str:
    """Return the SHA-256 of a record's file bytes, in hex; of its pixels and their shape where it has no file.

    Raises:
        BrokenImageError: the file cannot be read.
    """
    if record.path is None:
        return pixel_hash(decode(record))
    with open_file(record.path) as stream, in_words(record.path, "file"):
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pixel_hash(pixels: Pixels) -> str:
    """Return the SHA-256 of decoded pixels `[H, W, 3]` and their shape: equal for an image saved again losslessly."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return digest.hexdigest()
