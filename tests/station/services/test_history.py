import csv
import io
import itertools
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patchsieve.station.engine import EventHub
from patchsieve.station.errors import Invalid, NotFound
from patchsieve.station.services.exporting import csv_lines, fields_of, parquet_file
from patchsieve.station.services.filters import Filter, Order
from patchsieve.station.services.history import History
from patchsieve.station.services.inspection import Inspection
from patchsieve.station.store import Store
from patchsieve.station.store.pictures import PictureFiles
from patchsieve.station.store.tables import InspectionRow, LineRow, VersionRow

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NAMES = ["part_1.png", "PART_2.png", "100%_real.png", "部品.png", "=cmd|' /C calc'!A0", "Straße.png"]
COUNT = 40


@pytest.fixture
def history(store: Store) -> History:
    """40 inspections of two lines with two versions each; times and scores repeat, so that ids have to decide."""
    with store.writing() as session:
        versions = []
        for name in ("line7", "line8"):
            line = LineRow(name=name, title=name)
            session.add(line)
            session.flush()
            for number in (1, 2):
                version = VersionRow(
                    line_id=line.id,
                    number=number,
                    file="",
                    sha256="",
                    detector="softpatch",
                    backbone="",
                    training_images=2,
                    created_by="wei",
                )
                session.add(version)
                session.flush()
                versions.append((line.id, version.id))
        said = itertools.cycle([None, "good", None, "defect", None])
        for place in range(COUNT):
            line_id, version_id = versions[place % 4]
            human = next(said)
            session.add(
                InspectionRow(
                    line_id=line_id,
                    version_id=version_id,
                    image_sha256=f"{place % 7:064}",
                    image_name=NAMES[place % len(NAMES)],
                    image_file="",
                    source=("page", "api", "watch")[place % 3],
                    score=float(place % 5) / 2,
                    threshold=1.0,
                    operating_point=("default", "strict")[place % 2],
                    verdict=("good", "review", "defect")[place % 5 // 2],
                    width=8,
                    height=8,
                    peak_x=1,
                    peak_y=2,
                    regions=[],
                    seconds=0.1,
                    created_at=START + timedelta(minutes=place // 3),
                    request_sha256="",
                    human_verdict=human,
                    judged_by=human and "wei",
                    judged_at=human and START,
                )
            )
    return History(store, PictureFiles(store.data_dir), EventHub())


def fits(one: Inspection, wanted: Filter) -> bool:
    """The slow, obvious twin of a filter."""
    human = {
        None: True,
        "good": one.human_verdict == "good",
        "defect": one.human_verdict == "defect",
        "judged": one.human_verdict is not None,
        "unjudged": one.human_verdict is None,
        "open": one.human_verdict is None and one.verdict != "good",
        "corrected": one.human_verdict is not None
        and one.verdict != "review"
        and one.human_verdict != one.verdict,
    }
    return (
        wanted.line in (None, one.line)
        and wanted.version in (None, one.version)
        and wanted.verdict in (None, one.verdict)
        and human[wanted.human]
        and wanted.operating_point in (None, one.operating_point)
        and wanted.source in (None, one.source)
        and (wanted.since is None or one.created_at >= wanted.since)
        and (wanted.until is None or one.created_at < wanted.until)
        and (wanted.name is None or wanted.name.lower() in one.image_name.lower())
        and (wanted.lowest is None or one.score >= wanted.lowest)
        and (wanted.highest is None or one.score <= wanted.highest)
        and wanted.image_sha256 in (None, one.image_sha256)
    )


moments = st.none() | st.integers(-1, 15).map(lambda minutes: START + timedelta(minutes=minutes))
filters = st.builds(
    Filter,
    line=st.sampled_from([None, None, "line7", "line8", "line9"]),
    version=st.sampled_from([None, None, 1, 2, 3]),
    verdict=st.sampled_from([None, None, "good", "review", "defect"]),
    human=st.sampled_from([None, None, "good", "defect", "judged", "unjudged", "corrected"]),
    operating_point=st.sampled_from([None, None, "default", "strict"]),
    source=st.sampled_from([None, None, "page", "api", "watch"]),
    since=moments,
    until=moments,
    # The letters that LIKE gives a meaning to are only letters here.
    name=st.sampled_from([None, None, "part", "PART", "%", "_", "\\", "100%", "部"]),
    lowest=st.sampled_from([None, None, 0.0, 0.5, 1.5]),
    highest=st.sampled_from([None, None, 0.0, 0.5, 1.5]),
    image_sha256=st.sampled_from([None, None, f"{3:064}"]),
)
orders = st.builds(Order, by=st.sampled_from(["created_at", "score"]), descending=st.booleans())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(wanted=filters, order=orders, size=st.integers(1, 11))
def test_pages_hold_each_inspection_of_a_filter_once_and_in_order(
    history: History, wanted: Filter, order: Order, size: int
) -> None:
    every = list(history.each())
    assert len(every) == COUNT
    expected = sorted(
        (one for one in every if fits(one, wanted)),
        key=lambda one: (getattr(one, order.by), one.id),
        reverse=order.descending,
    )
    found: list[Inspection] = []
    cursor = None
    while True:
        page = history.page(wanted, order, cursor=cursor, limit=size)
        assert len(page.inspections) <= size
        found += page.inspections
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.inspections) == size
    assert found == expected
    # And back again, page by page.
    while (cursor := page.previous_cursor) is not None:
        before, page = page.inspections[0], history.page(wanted, order, cursor=cursor, limit=size)
        place = expected.index(before)
        assert page.inspections == expected[max(0, place - size) : max(size, place)]
        assert (page.next_cursor is not None) == (page.inspections[-1] != expected[-1])
    assert page == history.page(wanted, order, limit=size)
    assert history.count(wanted) == len(expected)
    assert list(history.each(wanted, order)) == expected


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    cursor=st.text(max_size=80)
    | st.binary(max_size=60).map(lambda data: data.hex())
    | st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=", max_size=80),
    order=orders,
)
def test_what_is_no_cursor_is_refused(history: History, cursor: str, order: Order) -> None:
    with pytest.raises(Invalid, match="begin at the first page"):
        history.page(order=order, cursor=cursor)


def test_a_cursor_of_another_order_is_refused(history: History) -> None:
    cursor = history.page(order=Order("score"), limit=3).next_cursor
    with pytest.raises(Invalid, match="another order"):
        history.page(order=Order("score", descending=False), cursor=cursor)


def test_what_comes_meanwhile_does_not_shift_pages(history: History, store: Store) -> None:
    before = [one.id for one in history.each()]
    first = history.page(limit=10)
    with store.writing() as session:
        row = session.get(InspectionRow, before[0])
        assert row is not None
        session.add(
            InspectionRow(
                **{
                    column.key: getattr(row, column.key)
                    for column in InspectionRow.__table__.columns
                    if column.key not in ("id", "created_at")
                },
                created_at=START + timedelta(days=1),
            )
        )
    second = history.page(limit=10, cursor=first.next_cursor)
    assert [one.id for one in first.inspections + second.inspections] == before[:20]
    back = history.page(limit=10, cursor=second.previous_cursor)
    assert [one.id for one in back.inspections] == before[:10]
    # What has come is before that; it is shown on a first page as long as any.
    newest = history.page(limit=10, cursor=back.previous_cursor)
    assert [one.id for one in newest.inspections][1:] == before[:9]
    assert newest == history.page(limit=10)


def test_an_inspection_is_judged_corrected_and_the_verdict_taken_back(history: History) -> None:
    one = history.page(Filter(verdict="defect", human="unjudged"), limit=1).inspections[0]
    history.judge(one.id, "defect", by="wei")
    corrected = history.judge(one.id, "good", note="only dust", by="anna")
    assert (corrected.human_verdict, corrected.human_note, corrected.judged_by) == (
        "good",
        "only dust",
        "anna",
    )
    assert corrected in history.page(Filter(human="corrected")).inspections
    taken_back = history.judge(one.id, None, by="wei")
    assert (taken_back.human_verdict, taken_back.judged_by, taken_back.judged_at) == (None, None, None)
    assert [(said.verdict, said.by) for said in history.feedback(one.id)] == [
        (None, "wei"),
        ("good", "anna"),
        ("defect", "wei"),
    ]


def test_what_is_not_there_is_said(history: History) -> None:
    for ask in (history.get, history.feedback, history.image_path, history.anomaly_map):
        with pytest.raises(NotFound, match="no inspection 'x'"):
            ask("x")
    with pytest.raises(NotFound):
        history.judge("x", "good", by="wei")


def test_a_note_has_a_limit(history: History) -> None:
    one = history.page(limit=1).inspections[0]
    with pytest.raises(Invalid, match="at most 2000"):
        history.judge(one.id, "good", note="x" * 2001, by="wei")


def test_csv_has_all_of_it_and_no_formulas(history: History) -> None:
    every = list(history.each())
    rows = list(csv.DictReader(io.StringIO("".join(csv_lines(every)))))
    assert len(rows) == COUNT
    for row, one in zip(rows, every, strict=True):
        assert set(row) == set(fields_of(one))
        assert float(row["score"]) == one.score
        assert datetime.fromisoformat(row["created_at"]) == one.created_at
        assert not row["image_name"].startswith("=")
        assert row["image_name"].lstrip("'") == one.image_name


def test_parquet_has_all_of_it_with_types(history: History, tmp_path: Path) -> None:
    every = list(history.each())
    with parquet_file(every) as file:
        (tmp_path / "history.parquet").write_bytes(file.read())
    rows = parquet.read_table(tmp_path / "history.parquet").to_pylist()
    assert rows == [fields_of(one) for one in every]


def test_an_export_of_nothing_has_columns() -> None:
    assert "".join(csv_lines([])).count("\r\n") == 1
    with parquet_file([]) as file:
        table = parquet.read_table(io.BytesIO(file.read()))
    assert len(table) == 0
    left_out = {"peak"}
    assert {each.name for each in fields(Inspection)} - left_out <= set(table.column_names)
