import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from patchsieve.station.errors import NotFound
from patchsieve.station.running import Station
from patchsieve.station.services.inspecting import Asked, Upload
from patchsieve.station.services.inspection import Inspection
from patchsieve.station.services.retention import Retention, Swept
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import InspectionRow, JobRow, MarkRow


@pytest.fixture
def old(station: Station, inspect: Callable[..., Inspection]) -> Callable[..., Inspection]:
    """Inspect a part, so many days ago."""

    def make(seed: int, days: float) -> Inspection:
        one = inspect(seed)
        with station.store.writing() as session:
            session.execute(
                update(InspectionRow)
                .where(InspectionRow.id == one.id)
                .values(created_at=now() - timedelta(days=days))
            )
        return station.history.get(one.id)

    return make


def retention(station: Station, **limits: float | int) -> Retention:
    return Retention(station.store, station.pictures, station.settings.model_copy(update=limits))


def files(station: Station) -> set[Path]:
    root = station.settings.data_dir
    return {path for folder in ("images", "maps") for path in (root / folder).rglob("*") if path.is_file()}


def test_what_is_too_old_goes_with_its_image_and_map(station: Station, old) -> None:
    old(400, 31)
    young = old(401, 29)
    before = sum(path.stat().st_size for path in files(station))
    swept = retention(station, keep_days=30).sweep()
    assert swept.inspections == 1
    assert [one.id for one in station.history.each()] == [young.id]
    assert len(files(station)) == 2
    assert before - sum(path.stat().st_size for path in files(station)) == swept.freed
    assert station.history.image_path(young.id).is_file()
    assert station.history.anomaly_map(young.id).values.ndim == 2


def test_what_people_said_something_of_stays(station: Station, old) -> None:
    judged, taken_back = old(400, 99), old(401, 99)
    station.history.judge(judged.id, "good", by="wei")
    station.history.judge(taken_back.id, "defect", by="wei")
    station.history.judge(taken_back.id, None, by="wei")
    assert retention(station, keep_days=30, keep_bytes=1).sweep() == Swept(0, 0)
    assert len(list(station.history.each())) == 2
    assert len(files(station)) == 4


def test_an_image_that_another_inspection_shows_stays(station: Station, old) -> None:
    first = old(400, 99)
    again = old(400, 1)
    assert first.image_sha256 == again.image_sha256
    retention(station, keep_days=30).sweep()
    assert station.history.image_path(again.id).is_file()


def test_an_image_that_a_person_marked_stays(station: Station, old) -> None:
    one = old(400, 99)
    path = station.history.image_path(one.id)
    version = station.lines.version("line7")
    with station.store.writing() as session:
        session.add(
            MarkRow(
                line_id=station.lines.line("line7").id,
                version_id=version.id,
                image_name="a.png",
                image_sha256=one.image_sha256,
                verdict="keep",
                by="wei",
            )
        )
    assert retention(station, keep_days=30).sweep().inspections == 1
    assert path.is_file()


def test_an_image_that_is_just_coming_again_stays(station: Station, old) -> None:
    one = old(400, 99)
    path = station.history.image_path(one.id)
    with station.pictures.claimed(one.image_sha256):
        retention(station, keep_days=30).sweep()
    assert path.is_file()


def test_the_oldest_go_until_the_rest_fits(station: Station, old) -> None:
    found = [old(400 + place, 10 - place) for place in range(6)]
    used = station.pictures.used_bytes()
    limits = station.settings.model_copy(update={"keep_bytes": used // 2})
    small = Retention(station.store, station.pictures, limits, chunk=1)
    swept = small.sweep()
    assert station.pictures.used_bytes() == used - swept.freed <= used // 2
    left = {one.id for one in station.history.each()}
    assert left == {one.id for one in found[swept.inspections :]}
    assert 0 < swept.inspections < 6


@pytest.fixture
def embeddings(station: Station) -> Callable[[str, float], Path]:
    """Keep a kilobyte of embeddings that a fit last used so many days ago."""

    def keep(name: str, days: float) -> Path:
        features = station.settings.data_dir / "cache" / name / "features"
        features.parent.mkdir(parents=True)
        features.write_bytes(bytes(1024))
        used = time.time() - days * 24 * 3600
        os.utime(features, (used, used))
        return features

    return keep


def test_embeddings_that_no_fit_has_used_for_so_long_go(station: Station, embeddings) -> None:
    old, young = embeddings("a", 31), embeddings("b", 29)
    assert retention(station, keep_days=30).sweep() == Swept(0, 1024)
    assert not old.parent.exists()
    assert young.is_file()


def test_embeddings_go_before_inspections_and_the_longest_unused_first(
    station: Station, old, embeddings
) -> None:
    old(400, 99)
    used = station.pictures.used_bytes()
    kept = [embeddings("a", 1), embeddings("b", 3), embeddings("c", 2)]
    assert retention(station, keep_bytes=used + 2500).sweep() == Swept(0, 1024)
    assert [path.exists() for path in kept] == [True, False, True]
    assert retention(station, keep_bytes=used).sweep() == Swept(0, 2048)
    assert len(files(station)) == 2


def test_while_a_fit_is_at_work_its_embeddings_stay(station: Station, embeddings) -> None:
    kept = embeddings("a", 99)
    line = station.lines.line("line7")
    job = JobRow(kind="refit", line_id=line.id, by="wei", request={"parent": 1}, state="running")
    with station.store.writing() as session:
        session.add(job)
    assert retention(station, keep_days=30, keep_bytes=1).sweep() == Swept(0, 0)
    assert kept.is_file()
    with station.store.writing() as session:
        session.execute(update(JobRow).values(state="done"))
    assert retention(station, keep_days=30).sweep() == Swept(0, 1024)


def test_a_sweep_is_written_into_the_audit(station: Station, old) -> None:
    old(400, 99)
    retention(station, keep_days=30).sweep()
    (entry,) = station.audit.entries(action="history.sweep")
    assert (entry.who, entry.before) == ("station", {"inspections": 1})


def test_without_limits_nothing_goes(station: Station, old) -> None:
    old(400, 9999)
    assert retention(station).sweep() == Swept(0, 0)


def test_images_come_while_old_ones_go(station: Station, unsorted: Path) -> None:
    """The same image goes and comes, again and again: no inspection is ever without its image."""
    data = (unsorted / "part_01.png").read_bytes()
    sweeping = retention(station, keep_bytes=1)
    for _ in range(5):
        one = station.inspecting.inspect("line7", Upload("a.png", data), Asked("api", "wei"))
        assert station.history.image_path(one.id).read_bytes() == data
        sweeping.sweep()
        assert files(station) == set()


def test_a_station_that_is_told_to_sweeps_by_itself(station: Station, old) -> None:
    one = old(400, 99)
    sweeping = retention(station, keep_days=30)
    sweeping.start()
    deadline = time.monotonic() + 30
    while station.history.count() and time.monotonic() < deadline:
        time.sleep(0.02)
    sweeping.stop()
    with pytest.raises(NotFound):
        station.history.get(one.id)
