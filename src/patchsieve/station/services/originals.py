"""Originals of images that are being inspected: on the disk before their rows, and gone again where none came."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute

from patchsieve.station.store import Store
from patchsieve.station.store.pictures import PictureFiles, sha256_of
from patchsieve.station.store.tables import InspectionRow, MarkRow

_LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class Original:
    """A file that was sent to be inspected.

    Attributes:
        name: what the client calls it, as it can be shown.
        data: its bytes.
        sha256: of them, in hexadecimal digits.
    """

    name: str
    data: bytes = field(repr=False)
    sha256: str

    @classmethod
    def of(cls, name: str, data: bytes) -> "Original":
        """Take what a client sent; its name becomes text that can be shown and stored, not too long."""
        text = name.encode("utf-8", "replace").decode("utf-8")
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
        return cls(shown.strip()[-_LONGEST_NAME:] or "image", data, sha256_of(data))


class Originals:
    """Originals on their way into the history; see `originals_of`."""

    def __init__(self, pictures: PictureFiles) -> None:
        self._pictures = pictures
        self.unshown: dict[str, str] = {}

    def keep(self, original: Original, kind: str) -> str:
        """Write an original, unless it is there already; return its file. See `PictureFiles.keep`."""
        file = self._pictures.keep(original.data, original.sha256, kind)
        self.unshown[original.sha256] = file
        return file

    def show(self, sha256s: Iterable[str]) -> None:
        """Say of which there are rows now."""
        for sha256 in sha256s:
            self.unshown.pop(sha256, None)


@contextmanager
def originals_of(sent: Iterable[Original], store: Store, pictures: PictureFiles) -> Iterator[Originals]:
    """Let originals be written before their rows: for the length of the block nobody removes them.

    Those that are not shown at its end go again: their images could not be scored, or not be written down.
    """
    originals = Originals(pictures)
    try:
        with pictures.claimed(*(each.sha256 for each in sent)):
            yield originals
    finally:
        for sha256, file in originals.unshown.items():
            # A database that does not answer cannot say that nobody needs them.
            with suppress(DBAPIError):
                pictures.remove(file, sha256, partial(is_needed, store, sha256))


def is_needed(store: Store, sha256: str) -> bool:
    """Say whether an inspection shows an original, or a person has marked it."""
    columns: tuple[InstrumentedAttribute[str], ...] = (InspectionRow.image_sha256, MarkRow.image_sha256)
    with store.reading() as session:
        return any(
            session.scalar(select(column).where(column == sha256).limit(1)) is not None for column in columns
        )
