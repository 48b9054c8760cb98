"""What a history page's address asks for, read from its query; empty fields do not count."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import inf, isfinite
from typing import Any, get_args
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from patchsieve.station.errors import Invalid
from patchsieve.station.languages import said
from patchsieve.station.services.filters import Filter, Human, Order, Sort

_FIELDS = ("line", "verdict", "human", "version", "point", "since", "until", "low", "high", "text")
_LARGEST = 2**31 - 1
_VERDICTS = ("good", "review", "defect")


@dataclass(frozen=True)
class HistoryQuery:
    """The query of a history page.

    Attributes:
        fields: of the filter's form, by name; "" for those that do not count.
        sort: "created_at" or "score".
        descending: the newest, or the highest, first.
        cursor: where the page begins; None for the first.
    """

    fields: dict[str, str]
    sort: Sort
    descending: bool
    cursor: str | None

    @classmethod
    def of(cls, query: QueryParams) -> "HistoryQuery":
        """Read a query. Raises `Invalid` where there is no such order."""
        sort = query.get("sort") or "created_at"
        if sort not in get_args(Sort):
            raise Invalid(said("there is no order %(sort)s", sort=sort))
        # PostgreSQL has no text with a NUL.
        fields = {name: query.get(name, "").replace("\0", "").strip() for name in _FIELDS}
        return cls(fields, sort, query.get("descending", "1") != "0", query.get("cursor") or None)  # type: ignore[arg-type]

    @property
    def order(self) -> Order:
        """The order that is asked for."""
        return Order(self.sort, self.descending)

    def filter(self) -> Filter:
        """Return the filter that is asked for. Raises `Invalid` where a field says nothing that could be."""
        fields = self.fields
        return Filter(
            line=fields["line"] or None,
            version=_number(fields["version"], int),
            verdict=_one_of(fields["verdict"], _VERDICTS),
            human=_one_of(fields["human"], get_args(Human)),
            operating_point=fields["point"] or None,
            since=_day(fields["since"]),
            # The day itself belongs to it.
            until=_day(fields["until"], later=timedelta(days=1)),
            name=fields["text"] or None,
            lowest=_number(fields["low"], float),
            highest=_number(fields["high"], float),
        )

    def address(self, path: str = "/history", **changes: str) -> str:
        """Return the address of the same query with some things changed; it begins at the first page."""
        query = {name: value for name, value in self.fields.items() if value}
        query |= {"sort": self.sort, "descending": "1" if self.descending else "0", **changes}
        return f"{path}?{urlencode(query)}"

    def sorted_by(self, sort: str) -> str:
        """Return the address of the same query in another order; where it is in this one already, turned round."""
        turned = sort == self.sort and self.descending
        return self.address(sort=sort, descending="0" if turned else "1")


def _one_of(text: str, known: tuple[str, ...]) -> Any:
    if not text:
        return None
    if text not in known:
        raise Invalid(said("%(text)s is none of %(known)s", text=text, known=", ".join(known)))
    return text


def _number(text: str, kind: Any) -> Any:
    try:
        number = kind(text) if text else None
    except ValueError:
        number = inf
    # Databases have no larger whole numbers, and nothing compares with NaN.
    if number is not None and not (isfinite(number) and (kind is float or abs(number) <= _LARGEST)):
        raise Invalid(said("%(text)s is no number", text=text))
    return number


def _day(text: str, later: timedelta = timedelta()) -> datetime | None:
    """Return the beginning of a day where the station stands, or a moment so much later."""
    try:
        return (datetime.combine(date.fromisoformat(text), time()) + later).astimezone() if text else None
    except (ValueError, OverflowError) as error:
        raise Invalid(said("%(text)s is no day", text=text)) from error
