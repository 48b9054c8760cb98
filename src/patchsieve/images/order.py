"""The stable order of images: by split, then by name as a person counts."""

import re
import unicodedata
from collections.abc import Iterable

from patchsieve.images.collection import ImageRecord

SPLIT_ORDER = {"train": 0, "test": 1, None: 2}


def in_order(records: Iterable[ImageRecord]) -> tuple[ImageRecord, ...]:
    """Return records in the order of every `ImageSet`: train, test, no split; by name in natural order."""
    return tuple(sorted(records, key=lambda record: (SPLIT_ORDER[record.split], natural_key(record.name))))


def natural_key(name: str) -> tuple[object, ...]:
    """Return a sorting key by which "img2" comes before "img10"; total, so the order never depends on the disk."""
    return tuple(_chunks(part) for part in name.split("/")), name


def folded(text: str) -> str:
    """Return a name for comparing: without case, and with accents in one form (file systems differ in both)."""
    return unicodedata.normalize("NFC", text).casefold()


def _chunks(part: str) -> tuple[tuple[str, int], ...]:
    # Text and digits alternate, so pairs of them compare whatever the names are.
    pieces = [*re.split(r"([0-9]+)", folded(part)), "0"]
    return tuple((text, int(digits)) for text, digits in zip(pieces[::2], pieces[1::2], strict=True))
