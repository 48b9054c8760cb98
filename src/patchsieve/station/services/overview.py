"""The overview: how much is inspected, how much is rejected, what waits, and what the disk holds."""

import shutil
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from patchsieve.decisions import clopper_pearson
from patchsieve.station.engine import ModelPool
from patchsieve.station.services.lines import Lines
from patchsieve.station.settings import StationSettings
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.pictures import PictureFiles
from patchsieve.station.store.tables import InspectionRow

_MOST_BUCKETS = 200
# Looking at every file of a large history takes seconds.
_DISK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """The inspections of some time.

    Attributes:
        since: its beginning.
        until: its end, which the next one begins with.
        good: how many were called good.
        review: how many were left to people.
        defect: how many were called defects.
    """

    since: datetime
    until: datetime
    good: int
    review: int
    defect: int

    @property
    def total(self) -> int:
        """All inspections."""
        return self.good + self.review + self.defect

    @property
    def reject_rate(self) -> float | None:
        """Share of defects; None without inspections."""
        return self.defect / self.total if self.total else None

    @property
    def reject_interval(self) -> tuple[float, float]:
        """The Clopper-Pearson interval of that share."""
        return clopper_pearson(self.defect, self.total)


@dataclass(frozen=True, slots=True)
class LineOverview:
    """How a line goes.

    Attributes:
        line: its name.
        title: for people.
        version: number of the version that inspects; None for none.
        waiting: images that are accepted and not answered yet.
        queue_size: how many may wait.
        image_seconds: what an image took lately; None before the first.
        last: when the latest image was inspected; None before the first.
        recent: the inspections of the time asked for.
        unjudged: those of them that were not called good and that nobody has judged.
    """

    line: str
    title: str
    version: int | None
    waiting: int
    queue_size: int
    image_seconds: float | None
    last: datetime | None
    recent: Bucket
    unjudged: int


@dataclass(frozen=True, slots=True)
class Disk:
    """What the disk holds.

    Attributes:
        used: bytes of images and maps.
        limit: bytes that they may take; None for all there is.
        free: bytes that are free on the disk.
    """

    used: int
    limit: int | None
    free: int


class Overview:
    """How a station goes."""

    def __init__(
        self, store: Store, pictures: PictureFiles, lines: Lines, pool: ModelPool, settings: StationSettings
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._lines = lines
        self._pool = pool
        self._settings = settings
        self._measuring = threading.Lock()
        self._measured: tuple[float, int] | None = None

    def lines(self, hours: float = 24.0) -> list[LineOverview]:
        """Return how each line went in the last hours."""
        until = now()
        since = until - timedelta(hours=hours)
        serving = self._pool.lines()
        found = []
        for line in self._lines.all():
            with self._store.reading() as session:
                row = InspectionRow
                last = session.scalar(select(func.max(row.created_at)).where(row.line_id == line.id))
                unjudged = session.scalar(
                    select(func.count()).where(
                        row.line_id == line.id,
                        row.created_at >= since,
                        row.verdict != "good",
                        row.human_verdict.is_(None),
                    )
                )
            batcher = serving[line.id].batcher if line.id in serving else None
            found.append(
                LineOverview(
                    line=line.name,
                    title=line.title,
                    version=line.active,
                    waiting=batcher.held if batcher else 0,
                    queue_size=self._settings.queue_size,
                    image_seconds=batcher.image_seconds if batcher else None,
                    last=last,
                    recent=self._bucket(line.id, since, until),
                    unjudged=unjudged or 0,
                )
            )
        return found

    def throughput(self, line: str | None = None, *, hours: float = 24.0, buckets: int = 24) -> list[Bucket]:
        """Return the inspections of the last hours in equal parts, the oldest first. Raises `NotFound`."""
        buckets = min(max(1, buckets), _MOST_BUCKETS)
        line_id = None if line is None else self._lines.line(line).id
        until = now()
        step = timedelta(hours=hours) / buckets
        first = until - step * buckets
        return [
            self._bucket(line_id, first + step * place, first + step * (place + 1))
            for place in range(buckets)
        ]

    def disk(self) -> Disk:
        """Return what the disk holds; measured once a minute at most."""
        with self._measuring:
            if self._measured is None or time.monotonic() - self._measured[0] > _DISK_SECONDS:
                self._measured = (time.monotonic(), self._pictures.used_bytes())
            used = self._measured[1]
        free = shutil.disk_usage(self._store.data_dir).free
        return Disk(used, self._settings.keep_bytes, free)

    def _bucket(self, line_id: str | None, since: datetime, until: datetime) -> Bucket:
        row = InspectionRow
        query = (
            select(row.verdict, func.count().label("images"))
            .where(row.created_at >= since, row.created_at < until)
            .group_by(row.verdict)
        )
        if line_id is not None:
            query = query.where(row.line_id == line_id)
        with self._store.reading() as session:
            counts = {found.verdict: found.images for found in session.execute(query)}
        return Bucket(since, until, *(counts.get(verdict, 0) for verdict in ("good", "review", "defect")))
