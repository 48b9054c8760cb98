"""Exact copies: one image counted twice would vouch for itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from patchsieve.errors import BrokenImageError
from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.hashing import content_hash


def content_hashes(images: ImageSet) -> list[str | None]:
    """Return the hash of each image's content; None where the file cannot be read."""
    return [_readable_hash(record) for record in images]


def distinct(images: ImageSet, hashes: Sequence[str | None] | None = None) -> ImageSet:
    """Return the set with only the first of every group of byte-identical images; the others are `skipped`.

    A copy of a training image is its own perfect neighbour: discriminators would call both normal, and a
    defect photographed once but stored twice would pass the sieve.

    Args:
        images: any.
        hashes: what `content_hashes` gave, where it is known; else all files are read.
    """
    first_by_hash: dict[str, str] = {}
    skipped: list[Skipped] = []

    def originals() -> Iterator[ImageRecord]:
        for record, content in zip(images, hashes or content_hashes(images), strict=True):
            # Of one that cannot be read, decoding will name the file and the reason.
            original = first_by_hash.setdefault(content, record.name) if content else record.name
            if original == record.name:
                yield record
            else:
                skipped.append(Skipped(record.name, f"exact copy of {original}"))

    kept = tuple(originals())
    return replace(images, records=kept, skipped=(*images.skipped, *skipped))


def _readable_hash(record: ImageRecord) -> str | None:
    try:
        return content_hash(record)
    except BrokenImageError:
        return None
