"""What stands on the disk before an answer is given, and what does not stay there without a row."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from patchsieve.station.running import Station
from patchsieve.station.services.inspecting import Asked, Upload
from patchsieve.station.services.inspection import Inspection


@pytest.fixture
def upload(unsorted: Path) -> Upload:
    return Upload("a.png", (unsorted / "part_01.png").read_bytes())


def originals(station: Station) -> list[Path]:
    return list((station.store.data_dir / "images").glob("*/*"))


def test_files_and_their_names_are_on_the_disk_before_the_row(
    station: Station, inspect: Callable[..., Inspection], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Path | str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        steps.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    event.listen(station.store.engine, "commit", lambda _: steps.append("commit"))
    one = inspect(500)
    image, its_map = station.history.image_path(one.id), station.history.map_path(one.id)
    assert steps[-1] == "commit"
    assert steps.count("commit") == 1
    for path in (image.absolute(), its_map.absolute()):
        folder = steps.index(path.parent)
        # The file is given its name when it is on the disk; then the name is.
        assert any(str(step).startswith(f"{path.parent}/.{path.name}.") for step in steps[:folder])


def test_an_inspection_that_could_not_be_written_down_leaves_no_original(
    station: Station, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked("api", "wei", key="part-1")

    def gone() -> None:
        raise OperationalError("COMMIT", {}, ConnectionError("gone"))

    with monkeypatch.context() as broken:
        broken.setattr(station.store, "writing", gone)
        with pytest.raises(OperationalError):
            station.inspecting.inspect("line7", upload, asked)
    assert originals(station) == []
    one = station.inspecting.inspect("line7", upload, asked)
    assert originals(station) == [station.history.image_path(one.id)]


def test_an_original_that_another_inspection_shows_stays_where_one_fails(
    station: Station, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = station.inspecting.inspect("line7", upload, Asked("api", "wei"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(station.pictures, "keep_map", full)
        with pytest.raises(OSError, match="No space"):
            station.inspecting.inspect("line7", upload, Asked("api", "wei"))
    assert originals(station) == [station.history.image_path(one.id)]
    assert station.history.image_path(one.id).read_bytes() == upload.data
