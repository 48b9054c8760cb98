"""Which inspections, and in which order: filters, sort keys, and cursors that say where a page ended."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_

from patchsieve.station.errors import Invalid
from patchsieve.station.languages import said
from patchsieve.station.store.tables import InspectionRow, LineRow, VersionRow

Sort = Literal["created_at", "score"]
Human = Literal["good", "defect", "judged", "unjudged", "open", "corrected"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which inspections are meant; what is None does not count.

    Attributes:
        line: name of the line.
        version: number of the model version.
        verdict: of the model: "good", "review" or "defect".
        human: "good" or "defect" as people said; "judged" by people, whatever they said; "unjudged"; "open": unjudged
            and not called good by the model; "corrected" where people said otherwise than the model.
        operating_point: name of it.
        source: "page", "api" or "watch".
        since: from this moment on.
        until: before this moment.
        name: a part of the image's name, small and capital letters alike.
        lowest: least score.
        highest: greatest score.
        image_sha256: of the file.
    """

    line: str | None = None
    version: int | None = None
    verdict: Literal["good", "review", "defect"] | None = None
    human: Human | None = None
    operating_point: str | None = None
    source: Literal["page", "api", "watch"] | None = None
    since: datetime | None = None
    until: datetime | None = None
    name: str | None = None
    lowest: float | None = None
    highest: float | None = None
    image_sha256: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a query of inspections, joined with their lines and versions, has to fulfil."""
        row = InspectionRow
        given = (
            (self.line, lambda value: LineRow.name == value),
            (self.version, lambda value: VersionRow.number == value),
            (self.verdict, lambda value: row.verdict == value),
            (self.human, lambda value: _said_by_people(value)),
            (self.operating_point, lambda value: row.operating_point == value),
            (self.source, lambda value: row.source == value),
            (self.since, lambda value: row.created_at >= value),
            (self.until, lambda value: row.created_at < value),
            (self.name, lambda value: row.image_name.icontains(value, autoescape=True)),
            (self.lowest, lambda value: row.score >= value),
            (self.highest, lambda value: row.score <= value),
            (self.image_sha256, lambda value: row.image_sha256 == value),
        )
        return [condition(value) for value, condition in given if value is not None]


@dataclass(frozen=True, slots=True)
class Order:
    """How inspections follow each other: by a column, and by their ids where it is equal.

    Attributes:
        by: "created_at" or "score".
        descending: the newest, or the highest, first.
    """

    by: Sort = "created_at"
    descending: bool = True

    def columns(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """Return what to order a query by."""
        columns = self._column, InspectionRow.id
        return tuple(each.desc() if self.descending else each.asc() for each in columns)  # type: ignore[return-value]

    @property
    def turned(self) -> "Order":
        """The same the other way round."""
        return Order(self.by, not self.descending)

    def cursor(self, row: InspectionRow, *, back: bool = False) -> str:
        """Return what says that a page ended with this row; one that leads back, that a page began with it."""
        value = row.created_at.isoformat() if self.by == "created_at" else row.score
        text = json.dumps([self.by, self.descending, back, value, row.id])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def leads_back(self, cursor: str) -> bool:
        """Say whether a cursor stands for what comes before its row. Raises `Invalid`, as `beyond` does."""
        return self._read(cursor)[0]

    def beyond(self, cursor: str) -> ColumnElement[bool]:
        """Return the condition for what comes after the row of a cursor, or before it for one that leads back.

        Raises:
            Invalid: it is none, or one of another order.
        """
        back, value, row_id = self._read(cursor)
        column, key = self._column, InspectionRow.id
        if self.descending != back:
            return or_(column < value, and_(column == value, key < row_id))
        return or_(column > value, and_(column == value, key > row_id))

    def _read(self, cursor: str) -> tuple[bool, datetime | float, str]:
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            by, descending, back, value, row_id = json.loads(base64.b64decode(padded, b"-_", validate=True))
            found = datetime.fromisoformat(value) if by == "created_at" else float(value)
            if not (isinstance(row_id, str) and row_id.isalnum() and row_id.isascii()):
                raise ValueError("no key")
            if not isinstance(back, bool):
                raise ValueError("no direction")
            if isinstance(found, datetime) and found.tzinfo is None:
                raise ValueError("no zone")
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise Invalid(
                said("the cursor is none that this station gave: begin at the first page")
            ) from error
        if (by, descending) != (self.by, self.descending):
            raise Invalid(said("the cursor belongs to another order: begin at the first page"))
        return back, found, row_id

    @property
    def _column(self) -> Any:
        return InspectionRow.created_at if self.by == "created_at" else InspectionRow.score


def _said_by_people(value: Human) -> ColumnElement[bool]:
    said = InspectionRow.human_verdict
    match value:
        case "judged":
            return said.is_not(None)
        case "unjudged":
            return said.is_(None)
        case "open":
            return and_(said.is_(None), InspectionRow.verdict != "good")
        case "corrected":
            # A part left to people is not called wrong by what they say.
            return and_(said.is_not(None), InspectionRow.verdict != "review", said != InspectionRow.verdict)
        case _:
            return said == value
