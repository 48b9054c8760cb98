"""A station that is stopped under load: what was answered is in the history once, and nothing else."""

import csv
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

COMMAND = Path(sys.executable).parent / "patchsieve"


class Server:
    """`patchsieve serve` on one folder and one port, however often it is started."""

    def __init__(self, model: Path, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "log"
        self._command = [COMMAND, "serve", model, "--data", folder / "data", "--port", str(port)]
        # A queue shorter than what comes: some are sent away and come again.
        self._command += ["--queue", "4", "--batch", "2", "--device", "cpu"]
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)

    def history(self) -> list[tuple[str, str]]:
        """Return name and id of every inspection."""
        text = httpx.get(f"{self.url}/api/v1/inspections/export.csv", timeout=60).text
        rows = csv.DictReader(text.removeprefix("\ufeff").splitlines())
        return sorted((row["image_name"], row["id"]) for row in rows)


@pytest.fixture
def server(model_file: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(model_file, tmp_path)
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture
def uploads(parts: Callable[..., Path], tmp_path: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(parts(tmp_path / "parts", 2, 0, first=800).iterdir())]


@pytest.mark.slow
def test_a_stop_answers_what_was_accepted_and_does_not_wait_for_those_who_watch(
    server: Server, uploads: list[bytes]
) -> None:
    statuses: list[int] = []
    began = threading.Event()

    def watch() -> None:
        with httpx.stream("GET", f"{server.url}/wall/line7/events", timeout=60) as stream:
            for _ in stream.iter_bytes():
                began.set()

    def send(number: int) -> None:
        files = [("images", (f"{number}-{place}.png", data)) for place, data in enumerate(uploads)]
        answer = httpx.post(f"{server.url}/api/v1/lines/line7/predict/batch", files=files, timeout=60)
        statuses.append(answer.status_code)

    watching = threading.Thread(target=watch)
    watching.start()
    assert began.wait(20)
    senders = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for each in senders:
        each.start()
    while not in_flight(server) and not statuses:
        time.sleep(0.005)
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)
    assert time.monotonic() - started < 25
    for each in (*senders, watching):
        each.join(10)
        assert not each.is_alive()
    assert statuses.count(200) >= 1
    server.start()
    assert len(server.history()) == 2 * statuses.count(200)
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert not [line for line in lines if line["level"] in ("error", "critical")], lines


def in_flight(server: Server) -> list[str]:
    """Return the figures of images that were accepted and are not answered yet."""
    figures = httpx.get(f"{server.url}/metrics").text.splitlines()
    return [
        line
        for line in figures
        if line.startswith("patchsieve_waiting_images{") and not line.endswith(" 0.0")
    ]
