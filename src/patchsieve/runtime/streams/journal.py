"""What was done, so that nothing is done twice or forgotten: the truth that all else is made to agree with."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patchsieve.runtime.streams.arrivals import Signature
from patchsieve.runtime.streams.database import Database

NAME = "journal.sqlite"


@dataclass(frozen=True, slots=True)
class Entry:
    """One part that is done.

    Attributes:
        number: from 1, in the order of the work, never used twice.
        source: absolute path of the file, or address of the camera.
        signature: of the file; None for frames.
        sha256: of its content.
        day: ISO date of the results file that has its line.
        verdict: "good", "defect", "review" or "broken".
        result: its line, as JSON without the line's end.
        destination: where the file shall go; None to stay or to be deleted.
        placed: nothing is left to do with the file.
        frame: number of the frame, from 0; None for files.
    """

    number: int
    source: str
    signature: Signature | None
    sha256: str
    day: str
    verdict: str
    result: str
    destination: str | None
    placed: bool
    frame: int | None = None


class Journal:
    """The parts that are done, those in work, and how far videos are.

    Attributes:
        stream: random name of this journal, part of every id that it gives.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO facts VALUES ('stream', ?)", (secrets.token_hex(4),))
        ((self.stream,),) = database.rows("SELECT value FROM facts WHERE name = 'stream'")
        ((last,),) = database.rows("SELECT max(number) FROM parts")
        self._last: int = last or 0

    @classmethod
    def path_in(cls, folder: Path) -> Path:
        """Return the journal's file in a folder of results."""
        return folder / NAME

    @property
    def next_number(self) -> int:
        """The number of the next part."""
        return self._last + 1

    def id_of(self, number: int) -> str:
        """Return the name of a part that no other part of any journal has: receivers drop repeats by it."""
        return f"{self.stream}-{number}"

    def last_of(self, source: str) -> tuple[Signature, str] | None:
        """Return signature and hash of the file that last came under this path; None where none ever did."""
        found = self._database.rows(
            "SELECT size, mtime_ns, sha256 FROM parts WHERE source = ? ORDER BY number DESC LIMIT 1",
            (_stored(source),),
        )
        return (Signature(found[0][0], found[0][1]), found[0][2]) if found else None

    def touch(self, source: str, signature: Signature) -> None:
        """Note that the last file under this path is still the same, though its time is another."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE parts SET size = ?, mtime_ns = ? "
                "WHERE number = (SELECT max(number) FROM parts WHERE source = ?)",
                (signature.size, signature.mtime_ns, _stored(source)),
            )
            connection.execute("DELETE FROM work WHERE source = ?", (_stored(source),))

    def attempts(self, sources: Sequence[str]) -> dict[str, int]:
        """Return how often work on each of these was begun and neither finished nor given up: the process died."""
        marks = ", ".join("?" * len(sources))
        found = self._database.rows(
            f"SELECT source, attempts FROM work WHERE source IN ({marks})", tuple(map(_stored, sources))
        )
        return {_read(source): attempts for source, attempts in found}

    def begin(self, sources: Sequence[str]) -> None:
        """Note that these are in work."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO work VALUES (?, 1) ON CONFLICT (source) DO UPDATE SET attempts = attempts + 1",
                [(_stored(source),) for source in sources],
            )

    def give_up(self, sources: Sequence[str]) -> None:
        """Note that these are in work no more, and not done either."""
        if sources:
            with self._database.transaction() as connection:
                connection.executemany(
                    "DELETE FROM work WHERE source = ?", [(_stored(source),) for source in sources]
                )

    def finish(self, entries: Sequence[Entry], spooled: Sequence[tuple[str, int, bytes]] = ()) -> None:
        """Note that these parts are done, and what is to be sent about them: sink, number and message."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [_row(entry) for entry in entries]
            )
            connection.executemany("INSERT INTO spool VALUES (?, ?, ?, NULL)", spooled)
            connection.executemany(
                "DELETE FROM work WHERE source = ?", [(_stored(entry.source),) for entry in entries]
            )
            # A frame and how far its video is are noted together.
            connection.executemany(
                "UPDATE videos SET next = max(next, ? + 1) WHERE source = ?",
                [(entry.frame, _stored(entry.source)) for entry in entries if entry.frame is not None],
            )
        self._last = entries[-1].number

    def redirect(self, number: int, destination: str) -> None:
        """Note that a file goes elsewhere than was planned."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE parts SET destination = ? WHERE number = ?", (_stored(destination), number)
            )

    def placed(self, numbers: Sequence[int]) -> None:
        """Note that nothing is left to do with the files of these parts."""
        if numbers:
            with self._database.transaction() as connection:
                connection.executemany(
                    "UPDATE parts SET placed = 1 WHERE number = ?", [(number,) for number in numbers]
                )

    def unplaced(self) -> list[Entry]:
        """Return the parts whose files are still to be moved or deleted."""
        return [
            _entry(row) for row in self._database.rows("SELECT * FROM parts WHERE placed = 0 ORDER BY number")
        ]

    def last_day(self) -> str | None:
        """Return the day of the last part."""
        found = self._database.rows("SELECT day FROM parts ORDER BY number DESC LIMIT 1")
        return found[0][0] if found else None

    def forget(self, before: str) -> None:
        """Forget parts of the days before an ISO date: frames and files that were moved; of all others the line.

        The last day that has parts is never forgotten: its file may be incomplete, and its numbers are the last.
        """
        before = min(before, self.last_day() or before)
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM parts WHERE day < ? AND placed = 1 AND (destination IS NOT NULL OR size IS NULL)",
                (before,),
            )
            connection.execute("UPDATE parts SET result = '' WHERE day < ? AND result != ''", (before,))

    def lines_of(self, day: str) -> list[str]:
        """Return the lines of a day in order."""
        found = self._database.rows("SELECT result FROM parts WHERE day = ? ORDER BY number", (day,))
        return [result for (result,) in found]

    def video(self, source: str, signature: Signature) -> tuple[int, bool]:
        """Return the frame that comes next in a video, and whether it was seen to its end; a changed file is new."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO videos VALUES (?1, ?2, ?3, 0, 0) ON CONFLICT (source) DO UPDATE "
                "SET size = ?2, mtime_ns = ?3, next = 0, ended = 0 WHERE (size, mtime_ns) != (?2, ?3)",
                (_stored(source), signature.size, signature.mtime_ns),
            )
        ((frame, ended),) = self._database.rows(
            "SELECT next, ended FROM videos WHERE source = ?", (_stored(source),)
        )
        return frame, bool(ended)

    def end_video(self, source: str) -> None:
        """Note that a video was seen to its end."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE videos SET ended = 1 WHERE source = ?", (_stored(source),))


def _row(entry: Entry) -> tuple[Any, ...]:
    size, mtime_ns = (entry.signature.size, entry.signature.mtime_ns) if entry.signature else (None, None)
    destination = None if entry.destination is None else _stored(entry.destination)
    return (
        entry.number, _stored(entry.source), size, mtime_ns, entry.sha256, entry.day, entry.verdict, entry.result,
        destination, int(entry.placed),
    )  # fmt: skip


def _entry(row: Any) -> Entry:
    number, source, size, mtime_ns, sha256, day, verdict, result, destination, placed = row
    signature = None if size is None else Signature(size, mtime_ns)
    target = None if destination is None else _read(destination)
    return Entry(number, _read(source), signature, sha256, day, verdict, result, target, bool(placed))


def _stored(path: str) -> str | bytes:
    """Return a path as SQLite can keep it: names that are no UTF-8 are bytes."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _read(stored: str | bytes) -> str:
    return os.fsdecode(stored) if isinstance(stored, bytes) else stored
