"""Drift: whether the parts of the last day still look like those of training."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Literal

from sqlalchemy import select

from patchsieve.errors import PatchSieveError
from patchsieve.images import ImageRecord, ImageSet
from patchsieve.progress import Progress, Stage
from patchsieve.station.engine import ModelPool
from patchsieve.station.services.lines import Lines
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.pictures import PictureFiles
from patchsieve.station.store.tables import InspectionRow

State = Literal["none", "drift", "defects", "too-few", "unknown"]

_DAY = timedelta(days=1)
# Enough to notice what matters; each costs as much as an inspection.
_MOST = 100
_LEAST = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LineDrift:
    """Whether a line's parts still look like training.

    Attributes:
        line: name of the line.
        state: "drift": most parts have changed; "defects": some stand out, more than in training, the rest has not
            changed; "none": neither; "too-few" inspections to say; "unknown": it has not been looked at yet.
        images: how many were compared.
        headline: the answer in one sentence.
        sentences: what has changed, the largest change first.
        causes: what to look at first.
        at: when it was looked at.
    """

    line: str
    state: State
    images: int
    headline: str
    sentences: tuple[str, ...]
    causes: tuple[str, ...]
    at: datetime | None


class Drifting:
    """Looks at the inspections of the last day now and then, in a thread of its own; who asks never waits for that.

    Args:
        store: of the inspections.
        pictures: their originals.
        lines: of the station.
        pool: whose models compare.
        every: how old an answer may be.
    """

    def __init__(
        self,
        store: Store,
        pictures: PictureFiles,
        lines: Lines,
        pool: ModelPool,
        *,
        every: timedelta = timedelta(minutes=15),
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._lines = lines
        self._pool = pool
        self._every = every
        self._lock = Lock()
        self._known: dict[str, LineDrift] = {}
        self._asked: set[str] = set()
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._closing = Event()
        self._thread = Thread(target=self._work, name="drift", daemon=True)
        self._thread.start()

    def today(self, line: str) -> LineDrift:
        """Return what is known, and have it looked at again where that is old. Raises `NotFound`."""
        name = self._lines.line(line).name
        with self._lock:
            known = self._known.get(name) or _nothing(name, "unknown", 0)
            old = known.at is None or now() - known.at > self._every
            if old and name not in self._asked:
                self._asked.add(name)
                self._queue.put(name)
        return known

    def look(self, line: str) -> LineDrift:
        """Look now, and return what is found.

        Raises:
            NotFound: there is no such line.
            Unavailable: it has no model.
        """
        from patchsieve.evaluation.drift import causes, drift, headline, sentences

        found = self._lines.line(line)
        model = self._pool.serving(found.id).model
        images = self._images(found.id)
        if len(images) < _LEAST:
            return _nothing(line, "too-few", len(images))
        try:
            report = drift(model, images, progress=_Stoppable(self._closing))
        except PatchSieveError as error:
            # All of them are images of training, or cannot be read any more.
            _log.info("no answer about drift of %s: %s", line, error)
            return _nothing(line, "too-few", 0)
        return LineDrift(
            line,
            report.verdict,
            len(report.today),
            headline(report),
            sentences(report),
            causes(report),
            now(),
        )

    def close(self) -> None:
        """End the thread, in the middle of its work if need be."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (name := self._queue.get()) is not None and not self._closing.is_set():
            try:
                found = self.look(name)
            except _Stopped:
                return
            except Exception:  # a line without a model, a database that is away: the next look may do
                _log.warning("drift of %s could not be looked at", name, exc_info=True)
                found = _nothing(name, "unknown", 0)
            with self._lock:
                self._known[name] = found
                self._asked.discard(name)

    def _images(self, line_id: str) -> ImageSet:
        """Return the originals of the last day's inspections, the newest, each image once."""
        with self._store.reading() as session:
            rows = session.execute(
                select(InspectionRow.image_sha256, InspectionRow.image_file)
                .where(InspectionRow.line_id == line_id, InspectionRow.created_at > now() - _DAY)
                .order_by(InspectionRow.created_at.desc(), InspectionRow.id)
                .limit(2 * _MOST)
            ).all()
        files = {sha256: self._pictures.path(file) for sha256, file in rows}
        there = [(sha256, path) for sha256, path in files.items() if path.is_file()][:_MOST]
        records = tuple(ImageRecord(sha256, path) for sha256, path in there)
        return ImageSet(self._store.data_dir, "folder", records)


class _Stopped(Exception):  # noqa: N818 - nothing went wrong
    """The station is closing."""


class _Stoppable(Progress, Stage):
    """Shows no progress, but ends work that is not wanted any more."""

    def __init__(self, closing: Event) -> None:
        self._closing = closing

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:  # noqa: ARG002
        if self._closing.is_set():
            raise _Stopped


def _nothing(line: str, state: State, images: int) -> LineDrift:
    return LineDrift(line, state, images, "", (), (), None if state == "unknown" else now())
