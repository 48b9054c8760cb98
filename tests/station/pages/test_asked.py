"""What the address of a history page asks for."""

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from patchsieve.station.errors import Invalid
from patchsieve.station.pages.asked import HistoryQuery
from patchsieve.station.services.filters import Filter


def query(text: str) -> HistoryQuery:
    return HistoryQuery.of(QueryParams(text))


def test_empty_fields_do_not_count() -> None:
    assert query("line=&verdict=&low=&since=&text=%20").filter() == Filter()
    assert query("").order.by == "created_at"
    assert query("").order.descending


def test_a_day_is_the_stations_and_the_last_one_belongs_to_it() -> None:
    found = query("since=2026-03-01&until=2026-03-01").filter()
    assert found.since is not None
    assert found.until is not None
    assert found.since == datetime(2026, 3, 1).astimezone()
    assert found.until - found.since == timedelta(days=1)


def test_all_fields_are_read() -> None:
    found = query("line=a&version=2&verdict=review&human=corrected&point=p&low=-1.5&high=2e3&text=x").filter()
    assert found == Filter("a", 2, "review", "corrected", "p", name="x", lowest=-1.5, highest=2000)


@pytest.mark.parametrize(
    "text",
    [
        "verdict=bad",
        "human=none",
        "version=1.5",
        "low=a",
        "high=1,5",
        "since=1.3.2026",
        "until=9999-12-31",
        "low=nan",
        "version=9999999999",
    ],
)
def test_what_cannot_be_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid, match=text.partition("=")[2]):
        query(text).filter()


def test_there_is_no_other_order() -> None:
    with pytest.raises(Invalid, match="image_name"):
        query("sort=image_name")


fields = st.fixed_dictionaries(
    {
        name: st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=9)
        for name in ("line", "text", "point")
    }
)


@given(fields=fields, sort=st.sampled_from(["created_at", "score"]), descending=st.booleans())
def test_an_address_asks_for_the_same_again(fields: dict[str, str], sort: str, descending: bool) -> None:
    first = HistoryQuery.of(QueryParams({**fields, "sort": sort, "descending": str(int(descending))}))
    again = query(urlsplit(first.address()).query)
    assert again == first
    turned = query(urlsplit(first.sorted_by(sort)).query)
    # The same column again turns a falling order round, and a rising one back.
    assert turned.descending is not descending
    assert parse_qs(urlsplit(first.address(cursor="abc")).query)["cursor"] == ["abc"]
