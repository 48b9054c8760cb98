import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from patchsieve.decisions import OperatingPoint
from patchsieve.detectors.operating import PointsFile
from patchsieve.errors import ModelFileError, PatchSieveError
from patchsieve.station.errors import Conflict, NotFound
from patchsieve.station.running import Station
from patchsieve.station.services.inspection import Inspection


@pytest.fixture
def other_model(small_model: Path, tmp_path: Path) -> Path:
    """The same model with another threshold: another file."""
    file = PointsFile.read(small_model)
    target = tmp_path / "changed" / small_model.name
    target.parent.mkdir()
    file.write(target, file.points.with_point(OperatingPoint.at("default", 5.0)))
    return target


def test_a_file_becomes_a_line_named_after_it(station: Station, small_model: Path) -> None:
    (line,) = station.lines.all()
    assert (line.name, line.title, line.active) == ("line7", "line7", 1)
    version = station.lines.version("line7")
    assert (version.number, version.detector, version.training_images) == (1, "softpatch", 28)
    assert version.path.read_bytes() == small_model.read_bytes()
    assert version.path == station.settings.data_dir / "models" / "line7" / "1.sieve"


def test_the_same_file_again_changes_nothing(station: Station, small_model: Path) -> None:
    station.lines.serve_file(small_model)
    assert len(station.lines.versions("line7")) == 1
    assert len(station.lines.switches("line7")) == 1


def test_a_changed_file_is_the_next_version(station: Station, small_model: Path, other_model: Path) -> None:
    version = station.lines.serve_file(other_model)
    assert (version.number, version.active) == (2, True)
    assert [one.number for one in station.lines.versions("line7")] == [2, 1]
    assert station.thresholds.point("line7").threshold == 5.0
    # The first file comes back: the station has it, and the people at the line have moved on.
    assert station.lines.serve_file(small_model).number == 1
    assert station.lines.line("line7").active == 2


def test_a_line_is_switched_and_rolled_back(
    station: Station, other_model: Path, inspect: Callable[..., Inspection]
) -> None:
    added = station.lines.add_version("line7", other_model, by="wei", note="refit", parent=1)
    assert (added.number, added.active, added.parent, added.note) == (2, False, 1, "refit")
    assert inspect(400).version == 1
    station.lines.switch("line7", 2, by="wei")
    assert (inspect(401).version, inspect(401).threshold) == (2, 5.0)
    assert station.lines.roll_back("line7", by="anna").number == 1
    assert inspect(402).version == 1
    assert [(one.number, one.by) for one in station.lines.switches("line7")] == [
        (1, "anna"),
        (2, "wei"),
        (1, "serve"),
    ]
    latest, *_ = station.audit.entries(action="version.switch")
    assert (latest.who, latest.before, latest.after) == ("anna", {"version": 2}, {"version": 1})


def test_switching_to_the_active_version_is_no_switch(station: Station) -> None:
    station.lines.switch("line7", 1, by="wei")
    assert len(station.lines.switches("line7")) == 1


def test_a_version_whose_file_is_damaged_is_not_switched_to(
    station: Station, other_model: Path, inspect: Callable[..., Inspection]
) -> None:
    added = station.lines.add_version("line7", other_model, by="wei")
    added.path.write_bytes(added.path.read_bytes()[:1000])
    with pytest.raises(Conflict, match="cannot be used"):
        station.lines.switch("line7", 2, by="wei")
    assert station.lines.line("line7").active == 1
    assert inspect(400).version == 1


def test_what_is_not_there_is_said(station: Station, other_model: Path) -> None:
    lines = station.lines
    for ask in (
        lambda: lines.line("line8"),
        lambda: lines.versions("line8"),
        lambda: lines.version("line7", 9),
        lambda: lines.switch("line7", 9, by="wei"),
        lambda: lines.roll_back("line8", by="wei"),
        lambda: lines.add_version("line8", other_model, by="wei"),
        lambda: lines.add_version("line7", other_model, by="wei", parent=9),
    ):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(Conflict, match="nothing to roll back to"):
        lines.roll_back("line7", by="wei")


def test_versions_that_come_at_once_get_numbers_of_their_own(station: Station, other_model: Path) -> None:
    threads = [
        threading.Thread(target=lambda: station.lines.add_version("line7", other_model, by="wei"))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.number for one in station.lines.versions("line7")) == [1, 2, 3, 4, 5]


def test_a_station_comes_back_with_the_version_that_was_active(station: Station, other_model: Path) -> None:
    station.lines.add_version("line7", other_model, by="wei")
    station.lines.switch("line7", 2, by="wei")
    station.close()
    again = Station.open(station.settings)
    again.start()
    assert again.lines.line("line7").active == 2
    assert again.pool.serving(again.lines.line("line7").id).version_id == again.lines.version("line7", 2).id
    again.close()


def test_names_of_lines_fit_into_addresses(station: Station, small_model: Path, tmp_path: Path) -> None:
    file = shutil.copy(small_model, tmp_path / "Line 8 (Süd).sieve")
    assert station.lines.serve_file(Path(file)).line == "line-8-s-d"
    assert station.lines.line("line-8-s-d").title == "Line 8 (Süd)"
    nameless = shutil.copy(small_model, tmp_path / "线.sieve")
    with pytest.raises(PatchSieveError, match="name the file"):
        station.lines.serve_file(Path(nameless))


def test_what_is_no_model_is_refused(station: Station, tmp_path: Path) -> None:
    file = tmp_path / "line9.sieve"
    file.write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        station.lines.serve_file(file)
    with pytest.raises(ModelFileError):
        station.lines.serve_file(tmp_path / "missing.sieve")
    assert [line.name for line in station.lines.all()] == ["line7"]
