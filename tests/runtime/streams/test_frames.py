"""Frames of a real video, and of a real stream that breaks off."""

import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.runtime.streams import frames
from patchsieve.runtime.streams.addresses import device_of, label_of, without_password
from patchsieve.runtime.streams.frames import Every

RATE, COUNT = 10, 45


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """4.5 seconds; each third of the frames is red, the others are dark."""
    path = tmp_path / "line7.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (64, 48))
    for index in range(COUNT):
        writer.write(np.full((48, 64, 3), (0, 0, 255) if index % 3 == 0 else (10, 10, 10), np.uint8))
    writer.release()
    return path


def numbers(run):
    return [line["frame"] for line in run.lines]


def test_frames_of_a_video_are_named_by_number_and_time(watching, video):
    run = watching(video, every="0.5s", batch_size=4).go()
    assert numbers(run) == list(range(0, COUNT, 5))
    third = run.lines[2]
    assert (third["image"], third["at"], third["source"]) == ("line7.avi/frame-000010", 1.0, str(video))
    assert run.model.batches == [1, 4, 4, 1]
    # Red is 255 in one channel of three; were the channels in OpenCV's order, it would not matter here.
    assert abs(float(run.lines[3]["score"]) - 170) < 3
    run = watching(video, every="0.5s").go()
    assert numbers(run) == list(range(0, COUNT, 5))
    assert any("seen to its end" in text for text in run.said)


def test_frames_are_rgb(video, journal):
    source = frames.VideoFile(video, journal, Every.read("3"), print)
    (first,) = source.take(1)
    source.close()
    red, green, blue = first.pixels.reshape(-1, 3).mean(axis=0)
    assert red > 230 > 30 > max(green, blue)
    assert first.pixels.shape == (48, 64, 3)


def test_an_interrupted_video_goes_on_at_its_frame(watching, video):
    run = watching(video, every="2", batch_size=3)
    run.model.predict = stopping(run, after=3)
    run.go()
    assert numbers(run) == [0, 2, 4, 6, 8, 10]
    run = watching(video, every="2", batch_size=3).go()
    assert numbers(run) == list(range(0, COUNT, 2))
    assert any("goes on at frame 11" in text for text in run.said)


def stopping(run, after):
    """Tell the watcher to stop while it is at a batch."""
    predict = run.model.predict

    def counted(*arguments, **options):
        if len(run.model.batches) == after - 1:
            run.stop.set()
        return predict(*arguments, **options)

    return counted


def test_another_video_of_the_same_name_is_new(watching, video):
    watching(video, every="10").go()
    with video.open("ab") as stream:
        stream.write(b"another")
    assert numbers(watching(video, every="10").go()) == [0, 10, 20, 30, 40] * 2


def test_what_is_no_video_is_said(watching, tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ImagesError, match="no video"):
        watching(tmp_path / "a.mp4").go()


class Stream:
    """A network camera: JPEGs one after the other over HTTP, until it is cut off.

    Attributes:
        last: what it does after so many frames: "end" as the standard has it, "cut" within a frame, "silent" with the
            connection open; None to go on.
    """

    def __init__(self, port: int, last: str | None = None, frames: int = 20) -> None:
        stream = self
        self.on = True
        picture = np.full((48, 64, 3), 200, np.uint8)
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                sent = 0
                try:
                    while stream.on and (last is None or sent < frames):
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                        sent += 1
                        time.sleep(0.02)
                    if last == "end":
                        self.wfile.write(b"--frame--\r\n")
                    elif last == "cut":
                        self.wfile.write(head.encode() + jpeg[: len(jpeg) // 2])
                    while last == "silent" and stream.on:
                        time.sleep(0.02)
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.on = False
        self.server.shutdown()
        self.server.server_close()


def test_a_camera_that_breaks_off_is_opened_again(watching, monkeypatch, port):
    monkeypatch.setattr(frames, "_FIRST_PAUSE", 0.1)
    run = watching(f"http://me:secret@127.0.0.1:{port}/video.mjpg", every="0.1s").start()
    run.until(lambda: any("sends no frames" in text for text in run.said))
    camera = Stream(port)
    run.until(lambda: len(run.shown) >= 5)
    camera.close()
    run.until(lambda: sum("sends no frames" in text for text in run.said) == 2)
    seen = len(run.shown)
    camera = Stream(port)
    run.until(lambda: len(run.shown) >= seen + 3)
    run.finish()
    camera.close()
    assert {verdict for _, verdict in run.shown} == {"good"}
    assert len({name for name, _ in run.shown}) == len(run.shown)
    assert numbers(run) == sorted(set(numbers(run)))
    everything = " ".join(run.said) + " ".join(str(line) for line in run.lines)
    assert "secret" not in everything
    assert run.lines[0]["source"] == f"http://127.0.0.1:{port}/video.mjpg"
    assert str(run.lines[0]["image"]).startswith(f"127.0.0.1-{port}-video.mjpg/20")


@pytest.mark.parametrize("last", ["end", "cut", "silent"])
def test_however_a_stream_ends_it_is_opened_again(watching, monkeypatch, port, last):
    monkeypatch.setattr(frames, "_FIRST_PAUSE", 0.1)
    monkeypatch.setattr(frames, "_TIMEOUT_MS", 400)
    camera = Stream(port, last)
    run = watching(f"http://127.0.0.1:{port}/video.mjpg", every="1").start()
    # A frame that is cut off may be shown or not; those of the next connection are.
    run.until(lambda: len(run.shown) > 30)
    run.finish()
    camera.close()
    assert any("sends no frames" in text for text in run.said)
    assert any("sends frames again" in text for text in run.said)
    assert numbers(run) == list(range(len(run.lines)))


def test_a_recording_behind_an_address_is_refused_and_not_begun_again_and_again(watching, video, port):
    serve = partial(SimpleHTTPRequestHandler, directory=str(video.parent))
    with ThreadingHTTPServer(("127.0.0.1", port), serve) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        run = watching(f"http://127.0.0.1:{port}/{video.name}").start()
        run.thread.join(30)
        missing = watching(f"http://127.0.0.1:{port}/nothing.avi").start()
        missing.until(lambda: any("sends no frames" in text for text in missing.said))
        missing.finish()
        server.shutdown()
    assert isinstance(run.error, ImagesError)
    assert f"is a recording of {COUNT} frames, no stream" in str(run.error)
    assert run.lines == missing.lines == []


def test_a_model_that_is_too_slow_for_a_camera_sees_the_newest_frames(watching, monkeypatch, port):
    monkeypatch.setattr(frames, "_MOST_WAITING", 2)
    camera = Stream(port)
    run = watching(f"http://127.0.0.1:{port}/", every="1", batch_size=1)
    predict = run.model.predict
    run.model.predict = lambda *arguments, **options: (time.sleep(0.3), predict(*arguments, **options))[1]
    run.start()
    run.until(lambda: len(run.shown) >= 4)
    run.finish()
    camera.close()
    assert sum("frames are dropped" in text for text in run.said) == 1
    steps = np.diff(numbers(run))
    assert steps.min() >= 1
    assert steps.max() > 3


@pytest.mark.parametrize(
    ("text", "rate", "step"),
    [("10", 25, 10), ("0.5s", 25, 12), ("1s", 25, 25), ("1s", 0, 1), ("0.001s", 25, 1)],
)
def test_every_is_read(text, rate, step):
    assert Every.read(text).frames(rate) == step


@pytest.mark.parametrize("text", ["", "s", "0", "-1", "1.5", "0s", "nans", "infs", "1m"])
def test_every_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="give frames such as 10"):
        Every.read(text)


def test_a_password_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("PATCHSIEVE_CAMERA_USER", "line7")
    monkeypatch.setenv("PATCHSIEVE_CAMERA_PASSWORD", "a/b@c")
    assert device_of("rtsp://10.0.0.7/a") == "rtsp://line7:a%2Fb%40c@10.0.0.7/a"
    assert device_of("rtsp://me:own@10.0.0.7/a") == "rtsp://me:own@10.0.0.7/a"
    assert device_of("camera:1") == 1


def test_addresses_are_shown_without_passwords():
    assert without_password("rtsp://me:secret@10.0.0.7:554/a?b=c") == "rtsp://10.0.0.7:554/a?b=c"
    assert label_of("rtsp://me:secret@10.0.0.7:554/a?b=c") == "10.0.0.7-554-a"
    assert label_of("camera:0") == "camera-0"
