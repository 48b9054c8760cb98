"""How a station at work is seen from outside: figures, health, and its log."""

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from patchsieve.station import StationSettings
from patchsieve.station.app import create_app
from patchsieve.station.observing.logs import json_log

TOKEN = "a-token-that-nobody-guesses-0123456789"


@pytest.fixture
def client(tmp_path: Path, small_model: Path) -> Iterator[TestClient]:
    settings = StationSettings(data_dir=tmp_path / "station", models=(small_model,), device="cpu")
    with TestClient(
        create_app(settings),
        base_url="http://127.0.0.1",
        client=("127.0.0.1", 50000),
        raise_server_exceptions=False,
    ) as client:
        yield client


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with json_log(stream):
        yield stream


def figures(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_figures_count_requests_inspections_batches_and_what_is_there(
    client: TestClient, part: Callable[..., Any]
) -> None:
    stream = io.BytesIO()
    part(40, defective=True).image.save(stream, "PNG")
    for _ in range(3):
        client.post("/api/v1/lines/line7/predict", files={"image": ("a.png", stream.getvalue())})
    client.get("/api/v1/lines/no-such-line")
    for index in range(3):
        client.get(f"/made/up/by/a/stranger/{index}")
        client.get(f"/static/stranger/{index}")
    found = figures(client)
    predict = (("method", "POST"), ("route", "/api/v1/lines/{line}/predict"), ("status", "200"))
    assert found["patchsieve_requests_total", predict] == 3
    missing = (("method", "GET"), ("route", "/api/v1/lines/{line}"), ("status", "404"))
    assert found["patchsieve_requests_total", missing] == 1
    assert not any("stranger" in str(labels) for _, labels in found)
    assert found["patchsieve_request_seconds_count", (("route", "other"),)] == 3
    assert found["patchsieve_inspections_total", (("line", "line7"), ("verdict", "defect"))] == 3
    assert found["patchsieve_batch_images_sum", (("line", "line7"),)] == 3
    assert found["patchsieve_waiting_images", (("line", "line7"),)] == 0
    assert found["patchsieve_active_version", (("line", "line7"),)] == 1
    assert found["patchsieve_disk_free_bytes", ()] > 0
    assert found["patchsieve_request_seconds_count", (("route", "/api/v1/lines/{line}/predict"),)] == 3
    assert found["patchsieve_requests_in_flight", ()] == 1


def test_a_station_says_when_it_cannot_inspect(client: TestClient) -> None:
    assert client.get("/healthz").text == "ok\n"
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "wrong": {}})
    station = client.app.state.station  # type: ignore[attr-defined]
    station.pool.deactivate(station.lines.line("line7").id)
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["wrong"] == {"models": "1 of 1 are not loaded"}
    station.store.engine.dispose()
    (station.settings.data_dir / "station.db").rename(station.settings.data_dir / "gone.db")
    (station.settings.data_dir / "station.db").mkdir()
    assert client.get("/readyz").json()["wrong"]["database"] == "does not answer"
    assert client.get("/healthz").status_code == 200


def test_strangers_see_whether_it_lives_and_no_figures(tmp_path: Path, small_model: Path) -> None:
    settings = StationSettings(
        data_dir=tmp_path / "station", models=(small_model,), device="cpu", token=TOKEN
    )
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as stranger:
        assert stranger.get("/healthz").status_code == 200
        assert stranger.get("/readyz").status_code == 200
        assert stranger.get("/metrics", headers={"Accept": "*/*"}, follow_redirects=False).status_code in (
            303,
            401,
        )
        assert stranger.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_requests_are_lines_of_json_with_an_id_and_without_secrets(
    client: TestClient, logged: io.StringIO
) -> None:
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Cookie": f"session={TOKEN}",
        "X-Request-ID": "camera-3.0042",
    }
    answer = client.get(f"/api/v1/lines?key={TOKEN}", headers=headers)
    assert answer.headers["X-Request-ID"] == "camera-3.0042"
    other = client.get("/api/v1/lines", headers={"X-Request-ID": 'x" onload=1\\'})
    assert re.fullmatch("[0-9a-f]{16}", other.headers["X-Request-ID"])
    client.get("/healthz")
    # The client of the tests has a log of its own.
    written = "\n".join(line for line in logged.getvalue().splitlines() if "httpx" not in line)
    lines = [json.loads(line) for line in written.splitlines()]
    ours = [line for line in lines if line["logger"] == "patchsieve.station.requests"]
    assert [line["request_id"] for line in ours] == ["camera-3.0042", other.headers["X-Request-ID"]]
    assert [(line["method"], line["path"]) for line in ours] == [("GET", "/api/v1/lines")] * 2
    assert ours[1]["status"] == 200
    assert ours[1]["who"] == "local"
    assert ours[1]["seconds"] > 0
    assert TOKEN not in written


def test_what_breaks_is_counted_and_logged_with_its_traceback_and_the_id(
    client: TestClient, logged: io.StringIO
) -> None:
    station = client.app.state.station  # type: ignore[attr-defined]
    station.lines.all = None
    answer = client.get("/api/v1/lines", headers={"X-Request-ID": "the-one"})
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] == "the-one"
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    (line,) = [line for line in lines if line["logger"] == "patchsieve.station.requests"]
    assert (line["status"], line["level"], line["request_id"]) == (500, "error", "the-one")
