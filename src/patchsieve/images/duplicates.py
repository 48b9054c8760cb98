"""Exact copies: one image counted twice would vouch for itself."""

from collections.abc import Iterator
from dataclasses import replace

from patchsieve.errors import BrokenImageError
from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.hashing import content_hash


def distinct(images: ImageSet) -> ImageSet:
    """Return the set with only the first of every group of byte-identical images; the others are `skipped`.

    A copy of a training image is its own perfect neighbour: discriminators would call both normal, and a
    defect photographed once but stored twice would pass the sieve.
    """
    first_by_hash: dict[str, str] = {}
    skipped: list[Skipped] = []

    def originals() -> Iterator[ImageRecord]:
        for record in images:
            try:
                content = content_hash(record)
            except BrokenImageError:
                # Decoding will name the file and the reason.
                yield record
                continue
            original = first_by_hash.setdefault(content, record.name)
            if original == record.name:
                yield record
            else:
                skipped.append(Skipped(record.name, f"exact copy of {original}"))

    kept = tuple(originals())
    return replace(images, records=kept, skipped=(*images.skipped, *skipped))
