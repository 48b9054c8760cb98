"""Frames of video files and cameras, through OpenCV."""

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.images.collection import Pixels
from patchsieve.runtime.streams.addresses import device_of, label_of, without_password
from patchsieve.runtime.streams.arrivals import Arrival
from patchsieve.runtime.streams.journal import Journal
from patchsieve.runtime.streams.reading import absolute, signature_of

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_TIMEOUT_MS = 10_000
# Frames of a camera that may wait to be scored; then the oldest gives way: what comes off the line now counts.
_MOST_WAITING = 16


@dataclass(frozen=True, slots=True)
class Every:
    """Which frames are looked at: one in so many, or one in so many seconds.

    Attributes:
        amount: whole where it counts frames.
        seconds: whether it counts seconds.
    """

    amount: float
    seconds: bool

    @classmethod
    def read(cls, text: str) -> "Every":
        """Read "10" (frames) or "0.5s". Raises `ConfigError` where it is neither."""
        seconds = text.endswith("s")
        try:
            amount = float(text.removesuffix("s")) if seconds else int(text)
        except ValueError:
            amount = 0
        if not 0 < amount < math.inf:
            raise ConfigError(f"every is {text!r}: give frames such as 10, or seconds such as 0.5s")
        return cls(amount, seconds)

    def frames(self, rate: float) -> int:
        """Return one in how many frames that is in a video of so many frames a second."""
        return max(1, round(self.amount * rate) if self.seconds else int(self.amount))


class VideoFile:
    """The frames of a video file, from where the last run ended.

    Frames are counted, not searched: seeking in compressed video lands beside the frame that was meant.

    Args:
        path: the file.
        journal: knows how far the last run came.
        every: which frames.
        tell: takes a sentence for the person.

    Raises:
        ImagesError: the file is not there or no video that OpenCV reads.
        ModuleNotFoundError: OpenCV is not installed.
    """

    moves = False
    pause = 0.01

    def __init__(self, path: Path, journal: Journal, every: Every, tell: Callable[[str], None]) -> None:
        self._path = absolute(path)
        self._journal = journal
        try:
            signature = signature_of(path.stat())
        except OSError as error:
            raise ImagesError(f"cannot read {path}: {error.strerror or error}") from error
        cv2 = _cv2()
        capture = _opened(cv2, self._path)
        if capture is None:
            raise ImagesError(f"{path} is no video that OpenCV can read")
        self._capture = capture
        self._rate = float(capture.get(cv2.CAP_PROP_FPS))
        self._step = every.frames(self._rate)
        self._position = 0
        self._next, self.ended = journal.video(self._path, signature)
        if self.ended:
            tell(f"{path} was seen to its end before")
        elif self._next:
            tell(f"{path} goes on at frame {self._next}")

    def take(self, most: int) -> list[Arrival]:
        """Return the next frames, at most so many; see `Source.take`."""
        arrivals: list[Arrival] = []
        while len(arrivals) < most and not self.ended:
            if not self._capture.grab():
                if not arrivals:  # all that were taken before are done by now
                    self._journal.end_video(self._path)
                    self.ended = True
                break
            index, self._position = self._position, self._position + 1
            if index >= self._next and index % self._step == 0:
                arrivals.append(self._arrival(index))
        return arrivals

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _arrival(self, index: int) -> Arrival:
        pixels = _retrieved(self._capture)
        return Arrival(
            name=f"{Path(self._path).name}/frame-{index:06}",
            source=self._path,
            pixels=pixels,
            problem="" if pixels is not None else "OpenCV cannot decode this frame",
            frame=index,
            at=round(index / self._rate, 3) if self._rate > 0 else None,
        )


class Camera:
    """The frames of a camera or a network stream, as they come.

    One thread reads without pause, since what a camera has sent and nobody has read is old. Where scoring is slower
    than frames come, the oldest ones that wait are dropped. A camera that is gone, or silent for 10 seconds, is opened
    again after pauses of 1 to 30 seconds. A recording is refused by `take`: opened again, it would begin anew.

    Args:
        address: ``camera:0``, or a URL such as ``rtsp://...``. User and password are taken from
            PATCHSIEVE_CAMERA_USER and PATCHSIEVE_CAMERA_PASSWORD where the URL has none, and are shown nowhere.
        every: which frames.
        tell: takes a sentence for the person.

    Attributes:
        dropped: how many frames there was no time for.

    Raises:
        ConfigError: the address is none.
        ModuleNotFoundError: OpenCV is not installed.
    """

    moves = False
    ended = False
    pause = 0.02

    def __init__(self, address: str, every: Every, tell: Callable[[str], None]) -> None:
        self._device = device_of(address)
        self.address, self._label = without_password(address), label_of(address)
        self._every = every
        self._tell = tell
        self._cv2 = _cv2()
        self.dropped = 0
        self._index = 0
        self._recorded = 0
        self._next_due = -math.inf
        self._waiting: deque[Arrival] = deque()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reading {self._label}", daemon=True)
        self._thread.start()

    def take(self, most: int) -> list[Arrival]:
        """Return the frames that wait, at most so many; see `Source.take`.

        Raises:
            ImagesError: the address is that of a recording.
        """
        if self._recorded:
            raise ImagesError(
                f"{self.address} is a recording of {self._recorded} frames, no stream: "
                "watch a copy of it as a file, which goes on where it was interrupted"
            )
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def close(self) -> None:
        """Let the camera go."""
        self._stop.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        pause, gone = _FIRST_PAUSE, False
        while not self._stop.is_set():
            capture = _opened(self._cv2, self._device)
            if capture is not None and isinstance(self._device, str):
                # What has no end has a number below 0 here.
                self._recorded = max(0, int(capture.get(self._cv2.CAP_PROP_FRAME_COUNT)))
                if self._recorded:
                    capture.release()
                    return
            if capture is not None and capture.grab():
                if gone:
                    self._tell(f"{self.address} sends frames again")
                pause, gone = _FIRST_PAUSE, False
                self._follow(capture)
            if capture is not None:
                capture.release()
            if not gone and not self._stop.is_set():
                self._tell(f"{self.address} sends no frames; it is opened again and again")
            gone = True
            self._stop.wait(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def _follow(self, capture: Any) -> None:
        """Read until the camera is gone; the first frame was grabbed."""
        while not self._stop.is_set():
            index, self._index = self._index, self._index + 1
            if self._due(index):
                self._add(index, _retrieved(capture))
            if not capture.grab():
                return

    def _due(self, index: int) -> bool:
        if not self._every.seconds:
            return index % int(self._every.amount) == 0
        now = monotonic()
        if now < self._next_due:
            return False
        self._next_due += self._every.amount
        if self._next_due <= now:  # the first one, or late: what was missed is not made up for
            self._next_due = now + self._every.amount
        return True

    def _add(self, index: int, pixels: Pixels | None) -> None:
        time = datetime.now().isoformat(timespec="milliseconds").replace(":", "-")
        arrival = Arrival(
            name=f"{self._label}/{time}-{index:06}",
            source=self.address,
            pixels=pixels,
            problem="" if pixels is not None else "OpenCV cannot decode this frame",
            frame=index,
        )
        with self._lock:
            if len(self._waiting) == _MOST_WAITING:
                self._waiting.popleft()
                if not self.dropped:
                    self._tell(f"{self.address} is faster than the model: frames are dropped; see --every")
                self.dropped += 1
            self._waiting.append(arrival)


def _cv2() -> Any:
    import cv2

    return cv2


def _opened(cv2: Any, device: int | str) -> Any | None:
    if isinstance(device, int):
        capture = cv2.VideoCapture(device)
    else:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        capture = cv2.VideoCapture(device, cv2.CAP_FFMPEG, limits)
    if capture.isOpened():
        return capture
    capture.release()
    return None


def _retrieved(capture: Any) -> Pixels | None:
    """Return the frame that was grabbed, as uint8 RGB `[H, W, 3]`."""
    right, frame = capture.retrieve()
    if not right or frame is None:
        return None
    if frame.ndim == 2:
        frame = np.repeat(frame[:, :, None], 3, axis=2)
    return np.ascontiguousarray(frame[:, :, ::-1])
