"""The history: every inspection, found again, judged by people, and shown with its image."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from patchsieve.station.engine import EventHub
from patchsieve.station.errors import Invalid, NotFound
from patchsieve.station.languages import said
from patchsieve.station.services.filters import Filter, Order
from patchsieve.station.services.inspection import Inspection, event_of, inspection_of, inspections
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.pictures import PictureFiles, StoredMap
from patchsieve.station.store.tables import FeedbackRow, InspectionRow, LineRow, VersionRow

PAGE = 50
LARGEST_PAGE = 500
_LONGEST_NOTE = 2000
# Rows that an export holds at a time.
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Some inspections, in order.

    Attributes:
        inspections: those of this page.
        next_cursor: where the next page begins; None at the end.
        previous_cursor: where the page before ends; None at the beginning.
    """

    inspections: list[Inspection]
    next_cursor: str | None = None
    previous_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of an inspection.

    Attributes:
        inspection_id: of which.
        verdict: "good", "defect", or None where what was said before is taken back.
        note: in words.
        by: who.
        at: when.
    """

    inspection_id: str
    verdict: str | None
    note: str
    by: str
    at: datetime


class History:
    """All inspections of a station."""

    def __init__(self, store: Store, pictures: PictureFiles, events: EventHub) -> None:
        self._store = store
        self._pictures = pictures
        self._events = events

    def page(
        self,
        wanted: Filter | None = None,
        order: Order | None = None,
        *,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Return a page. What is inspected meanwhile neither shifts nor doubles what the other pages show.

        Who goes back beyond the beginning gets the first page, as it is then.

        Raises:
            Invalid: the cursor is none, or of another order.
        """
        wanted, order = wanted or Filter(), order or Order()
        limit = min(max(1, limit), LARGEST_PAGE)
        with self._store.reading() as session:
            rows = self._rows(session, wanted, order, cursor, limit + 1)
        more, rows = len(rows) > limit, rows[:limit]
        back = cursor is not None and order.leads_back(cursor)
        if back and not more:
            return self.page(wanted, order, limit=limit)
        if back:
            rows.reverse()
        return Page(
            [inspection_of(*row) for row in rows],
            order.cursor(rows[-1][0]) if more or back else None,
            order.cursor(rows[0][0], back=True) if cursor is not None and rows else None,
        )

    def count(self, wanted: Filter | None = None) -> int:
        """Return how many inspections there are of a filter."""
        query = (
            select(func.count())
            .select_from(InspectionRow)
            .join(LineRow, LineRow.id == InspectionRow.line_id)
            .join(VersionRow, VersionRow.id == InspectionRow.version_id)
            .where(*(wanted or Filter()).conditions())
        )
        with self._store.reading() as session:
            return session.scalar(query) or 0

    def each(self, wanted: Filter | None = None, order: Order | None = None) -> Iterator[Inspection]:
        """Yield all inspections of a filter in memory that does not grow with their number."""
        wanted, order = wanted or Filter(), order or Order()
        cursor = None
        while True:
            with self._store.reading() as session:
                rows = self._rows(session, wanted, order, cursor, _CHUNK)
            yield from (inspection_of(*row) for row in rows)
            if len(rows) < _CHUNK:
                return
            cursor = order.cursor(rows[-1][0])

    def get(self, inspection_id: str) -> Inspection:
        """Return an inspection. Raises `NotFound`."""
        with self._store.reading() as session:
            return self._get(session, inspection_id)

    def judge(
        self, inspection_id: str, verdict: Literal["good", "defect"] | None, *, note: str = "", by: str
    ) -> Inspection:
        """Write down what a person says of an inspection; None takes back what was said before.

        Raises:
            NotFound: there is no such inspection.
            Invalid: the note is too long.
        """
        if len(note) > _LONGEST_NOTE:
            raise Invalid(
                said(
                    "the note has %(count)s letters: write at most %(most)s",
                    count=len(note),
                    most=_LONGEST_NOTE,
                )
            )
        with self._store.writing() as session:
            row = session.get(InspectionRow, inspection_id, with_for_update=True)
            if row is None:
                raise _missing(inspection_id)
            word = FeedbackRow(inspection_id=row.id, verdict=verdict, note=note, by=by, at=now())
            session.add(word)
            row.human_verdict = verdict
            row.human_note = note or None
            row.judged_by, row.judged_at = (None, None) if verdict is None else (by, word.at)
            session.flush()
            inspection = self._get(session, row.id)
        self._events.publish("feedback", event_of(inspection), row.line_id)
        return inspection

    def feedback(self, inspection_id: str) -> list[Feedback]:
        """Return all that people said of an inspection, the latest first. Raises `NotFound`."""
        with self._store.reading() as session:
            self._get(session, inspection_id)
            rows = session.scalars(
                select(FeedbackRow)
                .where(FeedbackRow.inspection_id == inspection_id)
                .order_by(FeedbackRow.id.desc())
            )
            return [Feedback(row.inspection_id, row.verdict, row.note, row.by, row.at) for row in rows]

    def image_path(self, inspection_id: str) -> Path:
        """Return the file of an inspection's image. Raises `NotFound` where one of them is gone."""
        with self._store.reading() as session:
            file = session.scalar(select(InspectionRow.image_file).where(InspectionRow.id == inspection_id))
        if file is None:
            raise _missing(inspection_id)
        path = self._pictures.path(file)
        if not path.is_file():
            raise NotFound(said("the image of this inspection is gone from the disk"))
        return path

    def anomaly_map(self, inspection_id: str) -> StoredMap:
        """Return the anomaly map of an inspection. Raises `NotFound` where one of them is gone."""
        self.get(inspection_id)
        stored = self._pictures.read_map(inspection_id)
        if stored is None:
            raise _map_gone()
        return stored

    def map_path(self, inspection_id: str) -> Path:
        """Return the file of an inspection's anomaly map. Raises `NotFound` where one of them is gone."""
        self.get(inspection_id)
        path = self._pictures.map_path(inspection_id)
        if not path.is_file():
            raise _map_gone()
        return path

    @staticmethod
    def _rows(
        session: Session, wanted: Filter, order: Order, cursor: str | None, limit: int
    ) -> list[tuple[InspectionRow, str, int]]:
        """Return rows from the beginning or from a cursor on, those next to it first."""
        query = inspections().where(*wanted.conditions())
        if cursor is not None:
            query = query.where(order.beyond(cursor))
            order = order.turned if order.leads_back(cursor) else order
        query = query.order_by(*order.columns()).limit(limit)
        return [(row, line, number) for row, line, number in session.execute(query)]

    @staticmethod
    def _get(session: Session, inspection_id: str) -> Inspection:
        row = session.execute(inspections().where(InspectionRow.id == inspection_id)).one_or_none()
        if row is None:
            raise _missing(inspection_id)
        return inspection_of(*row)


def _map_gone() -> NotFound:
    return NotFound(said("the anomaly map of this inspection is gone from the disk"))


def _missing(inspection_id: str) -> NotFound:
    return NotFound(said("there is no inspection %(id)s", id=repr(inspection_id)))
