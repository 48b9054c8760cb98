"""A network camera that speaks RTSP, as most do: a real server, that asks for a password and goes away."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from patchsieve.runtime.streams import frames

# Debian's own Python, which finds Debian's GStreamer.
PYTHON = "/usr/bin/python3"
USER, PASSWORD = "line7", "a/b@c"

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def camera(port: int) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        command = [PYTHON, str(Path(__file__).parent / "rtsp_camera.py"), str(port), USER, PASSWORD]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout is not None
        assert running[-1].stdout.readline() == "sending\n"
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_a_camera_with_a_password_is_watched_and_found_again(
    watching: Any, camera: Start, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "_FIRST_PAUSE", 0.1)
    monkeypatch.setattr(frames, "_TIMEOUT_MS", 2000)
    monkeypatch.setenv("PATCHSIEVE_CAMERA_USER", USER)
    monkeypatch.setenv("PATCHSIEVE_CAMERA_PASSWORD", PASSWORD)
    sender = camera()
    run = watching(f"rtsp://127.0.0.1:{port}/line7", every="0.1s").start()
    run.until(lambda: len(run.shown) >= 5)
    # Gone without a word, as when its cable is pulled; then back.
    os.kill(sender.pid, signal.SIGSTOP)
    run.until(lambda: any("sends no frames" in text for text in run.said))
    sender.kill()
    sender.wait()
    seen = len(run.shown)
    camera()
    run.until(lambda: len(run.shown) >= seen + 5)
    run.finish()
    assert any("sends frames again" in text for text in run.said)
    assert {verdict for _, verdict in run.shown} == {"good"}
    assert len({name for name, _ in run.shown}) == len(run.shown)
    assert {line["source"] for line in run.lines} == {f"rtsp://127.0.0.1:{port}/line7"}
    everything = " ".join(run.said) + " ".join(map(str, run.lines))
    assert PASSWORD not in everything


def test_a_wrong_password_shows_nothing_and_is_said_nowhere(
    watching: Any, camera: Start, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "_FIRST_PAUSE", 0.1)
    camera()
    run = watching(f"rtsp://line7:wrong-one@127.0.0.1:{port}/line7", every="0.1s").start()
    run.until(lambda: any("sends no frames" in text for text in run.said))
    run.finish()
    assert run.lines == []
    assert "wrong-one" not in " ".join(run.said)
