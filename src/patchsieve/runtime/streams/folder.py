"""A folder in which files arrive: each is taken when it is complete, and once."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic

from patchsieve.errors import ImagesError
from patchsieve.images.folders import LITTER, SUFFIXES, UNREAD_SUFFIXES, name_below
from patchsieve.runtime.streams.arrivals import Arrival, Signature
from patchsieve.runtime.streams.journal import Journal
from patchsieve.runtime.streams.reading import Reading, absolute, hash_file, read_file, signature_of

MOST_ATTEMPTS = 3

_TAKEN_SUFFIXES = SUFFIXES | UNREAD_SUFFIXES
# Files that are done are looked at again so seldom that it takes less than this share of the time.
_RECHECKING = 0.05


@dataclass(slots=True)
class _Waiting:
    """A file that may not be complete.

    Attributes:
        signature: as it was seen last.
        since: when it was first seen so.
        ready: when it may be tried next.
    """

    signature: Signature
    since: float
    ready: float


class FolderSource:
    """Image files that arrive in a folder, oldest first.

    A file is complete when its size and its time of change have been the same for `settle` seconds and it can be
    decoded. One that settles without becoming decodable is tried at growing intervals until it has been the same for
    `patience` seconds; then it arrives with its problem. Names that begin with a dot or a tilde, and endings that are
    none of an image (.part, .tmp), are passed over.

    The folder is listed every `poll` seconds, which also works on network shares, where nobody tells about changes.
    Only files that are new or not done yet are looked at each time; all others less often, so that a folder may hold
    a hundred thousand of them.

    Args:
        folder: to be watched.
        journal: knows what was done before.
        leave_out: a folder below that is not watched: that of the results.
        recursive: whether folders below are watched as well; links to folders are not followed.
        poll: seconds between two listings.
        settle: seconds.
        patience: seconds.
        once: end when all that is there is done.
        tell: takes a sentence for the person, when the folder cannot be listed and when it can again.

    Raises:
        ImagesError: it is no folder, or cannot be listed.
    """

    moves = True

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        *,
        leave_out: Path,
        recursive: bool = False,
        poll: float = 1.0,
        settle: float = 2.0,
        patience: float = 30.0,
        once: bool = False,
        tell: Callable[[str], None],
    ) -> None:
        self._folder = absolute(folder)
        self._leave_out = absolute(leave_out)
        self._journal = journal
        self._recursive = recursive
        self._poll = poll
        self._settle = settle
        self._patience = settle if once else max(patience, settle)
        self._once = once
        self._tell = tell
        self._done: dict[str, Signature] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._next_scan = self._next_recheck = monotonic()
        self._away = False
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "reading")
        try:
            with os.scandir(self._folder):
                pass
        except OSError as error:
            raise ImagesError(f"cannot list the folder {folder}: {error.strerror or error}") from error

    @property
    def ended(self) -> bool:
        """All that is there is done, and no more was asked for."""
        return self._once and not self._waiting and self._next_scan > monotonic()

    @property
    def pause(self) -> float:
        """Seconds to the next listing, or to the moment when the next file may be complete."""
        times = [self._next_scan, *(waiting.ready for waiting in islice(self._waiting.values(), 1000))]
        return max(0.01, min(times) - monotonic())

    def close(self) -> None:
        """Stop reading."""
        self._pool.shutdown(cancel_futures=True)

    def take(self, most: int) -> list[Arrival]:
        """Return the oldest complete files, at most so many; see `Source.take`."""
        if monotonic() >= self._next_scan:
            self._scan()
        now = monotonic()
        paths = list(islice((path for path, file in self._waiting.items() if file.ready <= now), most))
        if not paths:
            return []
        attempts = self._journal.attempts(paths)
        # Whatever ended the process may do so again: it is looked at alone, and not for ever.
        paths = [path for path in paths if path not in attempts] or paths[:1]
        self._journal.begin(paths)
        readings = self._pool.map(lambda path: _read(path, attempts.get(path, 0)), paths)
        found = [(path, self._arrival(path, reading)) for path, reading in zip(paths, readings, strict=True)]
        self._journal.give_up([path for path, arrival in found if arrival is None])
        return [arrival for _, arrival in found if arrival is not None]

    def _arrival(self, path: str, reading: Reading) -> Arrival | None:
        """Return what has arrived, or None where the file is not complete or gone."""
        waiting, now = self._waiting[path], monotonic()
        if reading.signature is None:
            del self._waiting[path]
            return None
        if reading.signature != waiting.signature:
            self._waiting[path] = _Waiting(reading.signature, now, now + self._settle)
            return None
        unchanged = now - waiting.since
        if reading.problem and unchanged < self._patience:
            # Tried again when it has been unchanged for twice as long.
            waiting.ready = now + min(max(unchanged, 0.1), self._patience - unchanged)
            return None
        del self._waiting[path]
        self._done[path] = waiting.signature
        last = self._journal.last_of(path)
        return Arrival(
            name=name_below(Path(path), Path(self._folder)),
            source=path,
            pixels=reading.pixels,
            problem=reading.problem,
            signature=waiting.signature,
            sha256=reading.sha256,
            repeated=last is not None and last[1] == reading.sha256 != "",
        )

    def _scan(self) -> None:
        started = monotonic()
        recheck = started >= self._next_recheck
        done: dict[str, Signature] = {}
        seen: set[str] = set()
        new: list[tuple[int, str, Signature]] = []
        try:
            for entry in self._entries():
                path = entry.path
                known = self._done.get(path)
                if known is not None and not recheck:
                    done[path] = known
                    continue
                signature = _signature(entry)
                if signature is None:
                    continue
                if signature == known or (known is None and self._is_done(path, signature)):
                    done[path] = signature
                    continue
                seen.add(path)
                waiting = self._waiting.get(path)
                if waiting is None or waiting.signature != signature:
                    new.append((signature.mtime_ns, path, signature))
        except OSError as error:
            self._went_away(error)
            return
        self._came_back()
        self._done = done
        self._waiting = {path: waiting for path, waiting in self._waiting.items() if path in seen}
        for _, path, signature in sorted(new):
            self._waiting.pop(path, None)
            self._waiting[path] = _Waiting(signature, started, started + self._settle)
        ended = monotonic()
        self._next_scan = ended + self._poll
        if recheck:
            self._next_recheck = ended + (ended - started) / _RECHECKING

    def _is_done(self, path: str, signature: Signature) -> bool:
        if path in self._waiting:
            return False
        last = self._journal.last_of(path)
        return last is not None and last[0] == signature

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        """Yield the files that may be images. Raises `OSError` where the folder cannot be listed."""
        folders = [self._folder]
        while folders:
            current = folders.pop()
            try:
                listing = os.scandir(current)
            except OSError:
                if current == self._folder:
                    raise
                continue  # a folder below that was taken away, or is not for us
            with listing:
                for entry in listing:
                    if entry.path in self._done:  # first, since nearly all may be so
                        yield entry
                    elif _is_litter(entry.name):
                        continue
                    elif Path(entry.name).suffix.lower() in _TAKEN_SUFFIXES and _is_file(entry):
                        yield entry
                    elif self._recursive and self._is_watched(entry):
                        folders.append(entry.path)

    def _is_watched(self, entry: "os.DirEntry[str]") -> bool:
        return entry.is_dir(follow_symlinks=False) and entry.path != self._leave_out

    def _went_away(self, error: OSError) -> None:
        if not self._away:
            self._tell(f"cannot list {self._folder}: {error.strerror or error}; it is tried again")
        self._away = True
        self._next_scan = monotonic() + max(self._poll, 1.0)

    def _came_back(self) -> None:
        if self._away:
            self._tell(f"{self._folder} can be listed again")
        self._away = False


def _read(path: str, attempts: int) -> Reading:
    if attempts >= MOST_ATTEMPTS:
        return hash_file(
            Path(path), f"{attempts} times the watcher ended before it was done with this file: too large?"
        )
    return read_file(Path(path))


def _is_litter(name: str) -> bool:
    return name.startswith((".", "~")) or name.casefold() in LITTER


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _signature(entry: "os.DirEntry[str]") -> Signature | None:
    try:
        return signature_of(entry.stat())
    except OSError:
        return None
