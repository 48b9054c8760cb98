"""Retention: the history goes by age and by the space it takes, and so do the embeddings that fits keep.

What people judged or models need stays.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import ColumnElement, delete, exists, select

from patchsieve.station.services.audit import record
from patchsieve.station.services.originals import is_needed
from patchsieve.station.services.refitting import OPEN
from patchsieve.station.settings import StationSettings
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.fit_cache import FitCache, KeptEmbeddings
from patchsieve.station.store.pictures import PictureFiles
from patchsieve.station.store.tables import FeedbackRow, InspectionRow, JobRow

_EVERY_SECONDS = 15 * 60.0
_CHUNK = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed.

    Attributes:
        inspections: how many.
        freed: bytes of images, maps and embeddings.
    """

    inspections: int
    freed: int


class Retention:
    """Removes old inspections with their images and maps, and embeddings that no fit has used, as the settings say.

    Embeddings can be computed again: they have the space that images and maps leave, and go first. An inspection that a
    person said something of stays, and so does an image that a person marked or that another inspection shows.

    Args:
        store: of the history.
        pictures: beside it.
        settings: keep_days and keep_bytes are used.
        chunk: inspections that go in one transaction.
    """

    def __init__(
        self, store: Store, pictures: PictureFiles, settings: StationSettings, *, chunk: int = _CHUNK
    ) -> None:
        self._chunk = chunk
        self._store = store
        self._pictures = pictures
        self._cache = FitCache(store.data_dir)
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="retention", daemon=True)

    def start(self) -> None:
        """Sweep now and every quarter of an hour, in a thread of its own; nothing where all is to be kept."""
        if self._settings.keep_days is not None or self._settings.keep_bytes is not None:
            self._thread.start()

    def stop(self) -> None:
        """End the thread after what it is at."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def sweep(self) -> Swept:
        """Remove what is older than the settings say, then the oldest until the rest takes no more than they say."""
        count = freed = 0
        days, limit = self._settings.keep_days, self._settings.keep_bytes
        if days is not None:
            since = now() - timedelta(days=days)
            freed += self._forget(lambda kept, _: kept.used_at < since)
            old = InspectionRow.created_at < since
            while not self._stopping.is_set() and (swept := self._remove(old)).inspections:
                count, freed = count + swept.inspections, freed + swept.freed
        if limit is not None:
            used = self._pictures.used_bytes()
            freed += self._forget(lambda _, left: used + left > limit)
            while used > limit and not self._stopping.is_set():
                swept = self._remove(None)
                if not swept.inspections:
                    _log.warning(
                        "images and maps take %d bytes, of which people need all; %d were allowed",
                        used,
                        limit,
                    )
                    break
                used -= swept.freed
                count, freed = count + swept.inspections, freed + swept.freed
        return Swept(count, freed)

    def _forget(self, is_due: Callable[[KeptEmbeddings, int], bool]) -> int:
        """Remove embeddings, the longest unused first, as long as they are due; return the bytes that are free then.

        Nothing goes while a fit is at work.

        Args:
            is_due: asked of embeddings and of the bytes that are left with them.
        """
        with self._store.reading() as session:
            if session.scalar(select(JobRow.id).where(JobRow.state.in_(OPEN)).limit(1)) is not None:
                return 0
        found = self._cache.kept()
        left, freed = sum(kept.size for kept in found), 0
        for kept in found:
            if not is_due(kept, left - freed):
                break
            freed += self._cache.remove(kept)
        return freed

    def _remove(self, condition: ColumnElement[bool] | None) -> Swept:
        """Remove some of the oldest that may go: the rows first, so that no row is without its image."""
        query = (
            select(InspectionRow.id, InspectionRow.image_file, InspectionRow.image_sha256)
            .where(
                InspectionRow.human_verdict.is_(None),
                ~exists().where(FeedbackRow.inspection_id == InspectionRow.id),
            )
            .order_by(InspectionRow.created_at, InspectionRow.id)
            .limit(self._chunk)
            # Those that a person is judging at this moment are left for later.
            .with_for_update(skip_locked=True)
        )
        if condition is not None:
            query = query.where(condition)
        with self._store.writing() as session:
            rows = session.execute(query).all()
            if not rows:
                return Swept(0, 0)
            session.execute(delete(InspectionRow).where(InspectionRow.id.in_([row.id for row in rows])))
            record(session, "station", "history.sweep", "history", before={"inspections": len(rows)})
        freed = sum(self._pictures.remove_map(row.id) for row in rows)
        for file, sha256 in {row.image_file: row.image_sha256 for row in rows}.items():
            freed += self._pictures.remove(file, sha256, partial(is_needed, self._store, sha256))
        return Swept(len(rows), freed)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                swept = self.sweep()
                if swept.inspections:
                    _log.info("%d inspections went, %d bytes are free", swept.inspections, swept.freed)
            except Exception:
                # The line goes on; the next sweep may succeed.
                _log.exception("the history could not be swept")
            self._stopping.wait(_EVERY_SECONDS)
