"""A station that is killed again and again while machines at the line send images: nothing is lost, nothing doubled."""

import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

COMMAND = Path(sys.executable).parent / "patchsieve"
CLIENTS = 4
IMAGES = 15
KILLS = 3


class Server:
    """A real process of `patchsieve serve`, started again by the one who killed it."""

    def __init__(self, model: Path, data: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._command = [COMMAND, "serve", model, "--data", data]
        self._log = (data.parent / "server.log").open("ab")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self._command, "--port", str(self.port)], stdout=self._log, stderr=self._log
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self._log.close()
        return code


def send(address: str, key: str, data: bytes, deadline: float) -> dict[str, object]:
    """Send an image until there is an answer, as a machine at the line does."""
    while True:
        assert time.monotonic() < deadline, f"no answer for {key}"
        try:
            answer = httpx.post(
                f"{address}/api/v1/lines/line7/predict",
                files={"image": (f"{key}.png", data)},
                headers={"Idempotency-Key": key},
                timeout=20,
            )
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code in (429, 503):
            time.sleep(float(answer.headers["Retry-After"]) / 10)
            continue
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path, model_file: Path, unsorted: Path) -> None:
    images = [path.read_bytes() for path in sorted(unsorted.glob("*.png"))]
    data = tmp_path / "station"
    data.mkdir()
    server = Server(model_file, data)
    answers: dict[str, dict[str, object]] = {}
    deadline = time.monotonic() + 500

    def client(number: int) -> None:
        for place in range(IMAGES):
            key = f"camera-{number}-{place}"
            answers[key] = send(server.address, key, images[place % len(images)], deadline)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in clients:
        thread.start()
    rng = random.Random(7)
    for kill in range(KILLS):
        while len(answers) < (kill + 1) * CLIENTS * IMAGES // (KILLS + 2):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # Somewhere between an image's coming and its answer.
        time.sleep(rng.uniform(0, 0.05))
        server.kill()
        server.start()
    for thread in clients:
        thread.join()
    # With the same keys once more: the answers of before, nothing new.
    for key in (min(answers), max(answers)):
        place = int(key.rsplit("-", 1)[1])
        assert send(server.address, key, images[place % len(images)], deadline) == answers[key]
    server.stop()

    with sqlite3.connect(data / "station.db") as database:
        rows = database.execute("SELECT idempotency_key, id, image_file FROM inspection").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(answers) == len(rows) == CLIENTS * IMAGES
    assert {key: row_id for key, row_id, _ in rows} == {key: one["id"] for key, one in answers.items()}
    for _, row_id, file in rows:
        assert (data / file).stat().st_size > 0
        assert (data / "maps" / row_id[:2] / f"{row_id}.png").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_was_accepted_is_answered_when_the_station_is_stopped(
    tmp_path: Path, model_file: Path, unsorted: Path
) -> None:
    image = (unsorted / "part_01.png").read_bytes()
    data = tmp_path / "station"
    data.mkdir()
    server = Server(model_file, data)
    deadline = time.monotonic() + 500
    send(server.address, "first", image, deadline)
    answers: list[int] = []
    refused: list[str] = []

    def client(number: int) -> None:
        for place in range(20):
            key = f"{number}-{place}"
            try:
                answer = httpx.post(
                    f"{server.address}/api/v1/lines/line7/predict",
                    files={"image": ("a.png", image)},
                    headers={"Idempotency-Key": key},
                    timeout=20,
                )
            except httpx.ConnectError:
                return
            except httpx.TransportError as error:
                refused.append(f"{type(error).__name__} {error}")
                return
            if answer.status_code == 200:
                answers.append(answer.status_code)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for thread in clients:
        thread.start()
    while len(answers) < 6:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    server.stop()
    for thread in clients:
        thread.join()
    with sqlite3.connect(data / "station.db") as database:
        (count,) = database.execute("SELECT count(*) FROM inspection").fetchone()
    assert count == len(answers) + 1, refused
