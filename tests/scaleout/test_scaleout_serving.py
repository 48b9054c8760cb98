"""A station whose models score on a cluster: the numbers of one machine, and nothing lost with a replica."""

import contextlib
import csv
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from ray.cluster_utils import Cluster

from patchsieve.decisions import OperatingPoint, OperatingPoints
from patchsieve.detectors import Detector, load
from patchsieve.station import StationSettings
from patchsieve.station.running import Station

pytestmark = pytest.mark.slow

LINES = "/api/v1/lines"


@pytest.fixture(scope="module")
def model(model_file: Path) -> Detector:
    return load(model_file, device="cpu")


@pytest.fixture(scope="module")
def data(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a station that had a version before, with a threshold that tells it apart."""
    folder = tmp_path_factory.mktemp("station")
    before = load(model_file, device="cpu")
    before.operate(OperatingPoints.only(OperatingPoint.at("default", 1e6)))
    before.save(folder / "line7.sieve")
    station = Station.open(StationSettings(data_dir=folder / "data"))
    station.lines.serve_file(folder / "line7.sieve")
    station.close()
    return folder / "data"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., Path]) -> list[Path]:
    return sorted(parts(tmp_path_factory.mktemp("parts") / "new", 6, 2, first=700).iterdir())


@pytest.fixture(scope="module")
def station(
    cluster: Cluster, model_file: Path, data: Path
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """A server with two replicas and a short queue, and a client of it."""
    while len(cluster.worker_nodes) < 2:
        cluster.add_node(num_cpus=1)
    log = data.with_name("log")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--engine", "ray", "--address", cluster.address, "--replicas", "2", "--device", "cpu"]
    options += ["--data", data, "--port", str(port), "--queue", "6"]
    # Images are with the replicas for long, so that one that dies has some.
    options += ["--max-wait", "500"]
    command = [Path(sys.executable).parent / "patchsieve", "serve", model_file, *options]
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        deadline = time.monotonic() + 300
        ready = False
        while not ready:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
            with contextlib.suppress(httpx.TransportError):
                ready = client.get("/readyz").status_code == 200
        yield client, process
    process.kill()
    process.wait()


def sent(client: httpx.Client, image: Path, name: str) -> httpx.Response:
    return client.post(
        f"{LINES}/line7/predict",
        files={"image": (name, image.read_bytes())},
        headers={"Idempotency-Key": name},
    )


def test_the_numbers_are_those_of_one_machine(
    station: tuple[httpx.Client, Any], model: Detector, images: list[Path]
) -> None:
    client, _ = station
    expected = model.predict(images)
    for place, image in enumerate(images):
        found = sent(client, image, f"same-{place}").json()
        assert found["score"] == pytest.approx(expected.scores[place], rel=1e-5)
        assert found["verdict"] == expected.verdicts[place]
        assert found["peak"] == expected.peaks[place].tolist()


def test_a_replica_killed_under_load_loses_and_doubles_nothing(
    station: tuple[httpx.Client, Any], data: Path, images: list[Path], kill: Callable[[str], bool]
) -> None:
    client, _ = station
    statuses: Counter[int] = Counter()
    half = Event()

    def had_images() -> bool:
        return "a replica was lost" in data.with_name("log").read_text()

    def answered(number: int) -> dict[str, Any]:
        while True:
            answer = sent(client, images[number % len(images)], f"load-{number}")
            statuses[answer.status_code] += 1
            if answer.status_code == 200:
                if statuses[200] >= 12:
                    half.set()
                found: dict[str, Any] = answer.json()
                return found
            # More than the queue holds: told so, and told when to come again.
            assert answer.status_code == 429, answer.text
            assert int(answer.headers["Retry-After"]) >= 1
            time.sleep(0.2)

    with ThreadPoolExecutor(12) as clients:
        answers = [clients.submit(answered, number) for number in range(50)]
        assert half.wait(120)
        while not had_images() and not all(each.done() for each in answers):
            kill("ServeReplica")
            time.sleep(2)
        found = [each.result(240) for each in answers]
    assert had_images()
    assert statuses[429] > 0
    assert statuses[200] == 50
    told = {f"load-{number}": each["id"] for number, each in enumerate(found)}
    text = client.get("/api/v1/inspections/export.csv").text
    rows = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    written = sorted((row["image_name"], row["id"]) for row in rows if row["image_name"] in told)
    assert written == sorted(told.items())
    # Whichever replica scored it, and whatever it was scored with.
    scores = {number % len(images): each["score"] for number, each in enumerate(found)}
    assert all(
        each["score"] == pytest.approx(scores[number % len(images)], rel=1e-5)
        for number, each in enumerate(found)
    )


def test_a_line_changes_its_version_and_goes_back(
    station: tuple[httpx.Client, Any], model: Detector, images: list[Path]
) -> None:
    client, _ = station
    client.post(f"{LINES}/line7/switch", json={"version": 1}).raise_for_status()
    assert sent(client, images[-1], "before").json()["threshold"] == 1e6
    client.post(f"{LINES}/line7/rollback").raise_for_status()
    assert sent(client, images[-1], "after").json()["threshold"] == pytest.approx(model.threshold_)


def test_the_replicas_end_with_the_station(
    station: tuple[httpx.Client, subprocess.Popen[bytes]], kill: Callable[[str], bool]
) -> None:
    _, process = station
    process.send_signal(signal.SIGINT)
    process.wait(120)
    deadline = time.monotonic() + 60
    while kill("ServeReplica"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
