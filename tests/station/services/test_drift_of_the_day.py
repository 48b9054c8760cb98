"""Drift of the inspections of the last day."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchsieve.station.errors import NotFound
from patchsieve.station.running import Station
from patchsieve.station.services.inspecting import Asked, Upload
from patchsieve.station.services.inspection import Inspection


@pytest.fixture
def database_url() -> None:
    """SQLite alone: nothing here depends on the database."""


def test_too_few_parts_give_no_answer_and_usual_ones_no_drift(
    station: Station, inspect: Callable[..., Inspection]
) -> None:
    assert station.drifting.look("line7").state == "too-few"
    for seed in range(600, 622):
        inspect(seed)
    found = station.drifting.look("line7")
    assert found.state == "none"
    assert found.images == 22
    with pytest.raises(NotFound):
        station.drifting.look("line8")


def test_darker_parts_are_drift_and_who_asks_does_not_wait(
    station: Station, part: Callable[..., Any], tmp_path: Path
) -> None:
    for seed in range(700, 724):
        file = tmp_path / f"{seed}.png"
        part(seed).image.point(lambda value: value // 2).save(file)
        station.inspecting.inspect("line7", Upload(file.name, file.read_bytes()), Asked(source="api", by=""))
    first = station.drifting.today("line7")
    assert (first.state, first.at) == ("unknown", None)
    deadline = time.monotonic() + 30
    while (found := station.drifting.today("line7")).state == "unknown":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found.state == "drift"
    assert "Drift" in found.headline
    assert any("darker" in sentence for sentence in found.sentences)
    assert found.causes
