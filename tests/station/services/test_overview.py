from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from patchsieve.decisions import clopper_pearson
from patchsieve.station.errors import NotFound
from patchsieve.station.running import Station
from patchsieve.station.services.inspection import Inspection
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import InspectionRow

HOURS = (0.5, 0.6, 1.5, 30.0)


@pytest.fixture
def inspected(station: Station, inspect: Callable[..., Inspection]) -> list[Inspection]:
    """A defect half an hour ago, then good parts, the last of them longer ago than a day."""
    found = []
    for place, hours in enumerate(HOURS):
        one = inspect(400 + place, defective=place == 0)
        with station.store.writing() as session:
            session.execute(
                update(InspectionRow)
                .where(InspectionRow.id == one.id)
                .values(created_at=now() - timedelta(hours=hours))
            )
        found.append(station.history.get(one.id))
    return found


def test_lines_say_how_the_last_day_went(station: Station, inspected: list[Inspection]) -> None:
    (line,) = station.overview.lines()
    assert (line.line, line.version, line.waiting) == ("line7", 1, 0)
    assert (line.recent.good, line.recent.review, line.recent.defect) == (2, 0, 1)
    assert line.recent.reject_rate == pytest.approx(1 / 3)
    assert line.recent.reject_interval == clopper_pearson(1, 3)
    assert line.last == inspected[0].created_at
    assert line.unjudged == 1
    assert line.image_seconds is not None
    station.history.judge(inspected[0].id, "defect", by="wei")
    assert station.overview.lines()[0].unjudged == 0


def test_throughput_counts_each_inspection_of_the_time_once(
    station: Station, inspected: list[Inspection]
) -> None:
    buckets = station.overview.throughput("line7", hours=2, buckets=2)
    assert [bucket.total for bucket in buckets] == [1, 2]
    assert [bucket.defect for bucket in buckets] == [0, 1]
    assert buckets[0].until == buckets[1].since
    assert sum(bucket.total for bucket in station.overview.throughput(hours=48, buckets=7)) == len(inspected)
    assert buckets[0].reject_rate == 0.0


def test_a_time_without_inspections_has_no_reject_rate(station: Station) -> None:
    (bucket,) = station.overview.throughput(hours=1, buckets=1)
    assert bucket.reject_rate is None
    assert bucket.reject_interval == (0.0, 1.0)


def test_a_line_that_is_not_there_is_said(station: Station) -> None:
    with pytest.raises(NotFound):
        station.overview.throughput("line8")


def test_the_disk_is_measured(station: Station, inspect: Callable[..., Inspection]) -> None:
    one = inspect(400)
    disk = station.overview.disk()
    assert disk.used > station.history.image_path(one.id).stat().st_size
    assert disk.limit is None
    assert disk.free > 0
