"""The results as text that anybody can read: one JSON object a line, one file a day."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from patchsieve.errors import PatchSieveError
from patchsieve.runtime.streams.journal import Journal

_BLOCK = 2**20


class DayFiles:
    """Files `results-YYYY-MM-DD.jsonl` in a folder: what the journal says, but for what a sudden end cut off."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal

    def path(self, day: str) -> Path:
        """Return the file of a day."""
        return self._folder / f"results-{day}.jsonl"

    def append(self, day: str, lines: Sequence[str]) -> None:
        """Write lines that the journal has already; when this returns, they are on the disk.

        Raises:
            PatchSieveError: the disk is full or the like; `repair` will write what is missing.
        """
        try:
            with self.path(day).open("ab") as stream:
                stream.write(_text(lines))
                _flush(stream)
        except OSError as error:
            raise self._unwritable(day, error) from error

    def repair(self) -> int:
        """Make the last day's file what the journal says: lines may be missing, the last one may be torn.

        Days before are complete, since a line is on the disk before the next part is noted; they may be taken away.

        Returns:
            How many bytes were written anew.

        Raises:
            PatchSieveError: the file cannot be written.
        """
        day = self._journal.last_day()
        if day is None:
            return 0
        wanted = _text(self._journal.lines_of(day))
        path = self.path(day)
        try:
            path.touch()
            with path.open("rb+") as stream:
                agreed = _common_prefix(stream, wanted)
                stream.truncate(agreed)
                stream.seek(agreed)
                stream.write(wanted[agreed:])
                _flush(stream)
        except OSError as error:
            raise self._unwritable(day, error) from error
        return len(wanted) - agreed

    def _unwritable(self, day: str, error: OSError) -> PatchSieveError:
        return PatchSieveError(
            f"cannot write {self.path(day)}: {error.strerror or error}; nothing is lost: what is missing there will be "
            "written at the next start"
        )


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _common_prefix(stream: BinaryIO, wanted: bytes) -> int:
    """Return how many whole lines' bytes of the file are as wanted."""
    agreed = 0
    while (block := stream.read(_BLOCK)) and block == wanted[agreed : agreed + len(block)]:
        agreed += len(block)
    pairs = zip(block, wanted[agreed:], strict=False)
    return agreed + next((index for index, (one, other) in enumerate(pairs) if one != other), 0)


def _flush(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
