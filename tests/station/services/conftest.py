"""A station at work on each of the databases, without HTTP before it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from patchsieve.station import StationSettings
from patchsieve.station.running import Station
from patchsieve.station.services.inspecting import Asked, Upload
from patchsieve.station.services.inspection import Inspection


@pytest.fixture
def station(
    tmp_path: Path,
    small_model: Path,
    database_url: str | None,
    lasting_engine: None,  # noqa: ARG001 - for what it does
) -> Iterator[Station]:
    """A station with one line, line7."""
    station = Station.open(
        StationSettings(
            data_dir=tmp_path / "station", database_url=database_url, models=(small_model,), device="cpu"
        )
    )
    station.start()
    yield station
    station.close()


@pytest.fixture
def inspect(station: Station, part: Callable[..., Any], tmp_path: Path) -> Callable[..., Inspection]:
    """Inspect a part drawn with a seed."""

    def inspect(seed: int, *, defective: bool = False) -> Inspection:
        file = tmp_path / f"part-{seed}.png"
        part(seed, defective=defective).image.save(file)
        return station.inspecting.inspect(
            "line7", Upload(file.name, file.read_bytes()), Asked(source="api", by="somebody")
        )

    return inspect
