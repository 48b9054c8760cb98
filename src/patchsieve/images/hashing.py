"""Content as identity: the same picture is found again whatever its file is called or how it was saved."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from patchsieve.images.augmentation import Augmentation
from patchsieve.images.collection import ImageRecord, Pixels
from patchsieve.images.decoding import decode
from patchsieve.images.opening import in_words, open_file


def content_hash(record: ImageRecord) -> str:
    """Return the SHA-256 of a record's file bytes, in hex; of its pixels and their shape where it has no file.

    An image that differs from its file by augmentations has a hash of its own, of the file's hash and of them.

    Raises:
        BrokenImageError: the file cannot be read.
    """
    return augmented_hash(source_hash(record), record.augmentations)


def source_hash(record: ImageRecord) -> str:
    """Return the hash of what a record's augmentations are applied to. Raises `BrokenImageError`."""
    if record.path is None:
        return pixel_hash(decode(replace(record, augmentations=())))
    with open_file(record.path) as stream, in_words(record.path, "file"):
        return hashlib.file_digest(stream, "sha256").hexdigest()


def augmented_hash(source: str, augmentations: Sequence[Augmentation]) -> str:
    """Return the hash of an image that differs by augmentations from one whose hash is `source`."""
    if not augmentations:
        return source
    return hashlib.sha256(" ".join([source, *(one.key for one in augmentations)]).encode()).hexdigest()


def pixel_hash(pixels: Pixels) -> str:
    """Return the SHA-256 of decoded pixels `[H, W, 3]` and their shape: equal for an image saved again losslessly."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return digest.hexdigest()
