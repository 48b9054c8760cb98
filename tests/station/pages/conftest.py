"""The pages over a small model, asked without a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from patchsieve.station import StationSettings
from patchsieve.station.app import create_app


@pytest.fixture(scope="session")
def client(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a station on this machine's own address, shared: tests name their images differently."""
    folder = tmp_path_factory.mktemp("pages")
    settings = StationSettings(data_dir=folder, models=(model_file,), max_pixels=1_000_000, device="cpu")
    with TestClient(create_app(settings), base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as opened:
        yield opened
