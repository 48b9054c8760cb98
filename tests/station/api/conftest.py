"""The application over a small model, spoken to without a network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from patchsieve.station import StationSettings
from patchsieve.station.app import create_app

Start = Callable[..., TestClient]


@pytest.fixture
def start(
    tmp_path: Path,
    small_model: Path,
    lasting_engine: None,  # noqa: ARG001 - for what it does
) -> Iterator[Start]:
    """Start a station on this machine's own address and return a client of it; settings may be given."""
    clients: list[TestClient] = []

    def started(**settings: object) -> TestClient:
        chosen = {"data_dir": tmp_path / "station", "models": (small_model,), **settings}
        app = create_app(StationSettings.model_validate(chosen))
        client = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))
        client.__enter__()
        clients.append(client)
        return client

    yield started
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(start: Start) -> TestClient:
    """A client of a station with the default settings."""
    return start()
