"""Uploads to pixels in child processes: whatever a file does to its decoder, the server goes on."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Condition, Lock, Thread
from time import monotonic
from typing import IO

import numpy as np

from patchsieve.errors import BrokenImageError
from patchsieve.images import MAX_PIXELS, Pixels
from patchsieve.station.errors import Busy
from patchsieve.station.languages import said

# Run as a file: by its name as a module it would import the whole engine.
_PROGRAM = Path(__file__).with_name("decoding_child.py")


@dataclass(frozen=True, slots=True)
class DecodedUpload:
    """An image as `patchsieve.images.decode` gives it, and what kind of file it was.

    Attributes:
        pixels: uint8 RGB `[H, W, 3]`, upright.
        format: by content, whatever the upload was called, as `patchsieve.images.opening.FORMATS` names it.
    """

    pixels: Pixels
    format: str


class Decoder:
    """A few child processes that decode uploads, each with limits of memory and time; one that dies is replaced.

    Args:
        processes: how many images are decoded at a time.
        max_pixels: larger images are refused from their header.
        memory: bytes that a child may take for one image; by default what `max_pixels` need in any format.
        seconds: that one image may take before its child is killed.
        patience: seconds that an image waits for a child before the caller is told to come later.
    """

    def __init__(
        self,
        *,
        processes: int = 2,
        max_pixels: int = MAX_PIXELS,
        memory: int | None = None,
        seconds: float = 20.0,
        patience: float = 30.0,
    ) -> None:
        self.max_pixels = max_pixels
        self.seconds = seconds
        self.patience = patience
        # A 16-bit RGBA image on its way to RGB stands in memory several times.
        limit = 256 * 2**20 + 24 * max_pixels if memory is None else memory
        self._watchdog = _Watchdog()
        self._children = [_Child(limit, self._watchdog) for _ in range(processes)]
        # The last one used is the warmest.
        self._idle: LifoQueue[_Child] = LifoQueue()
        for child in self._children:
            self._idle.put(child)

    def start(self) -> None:
        """Start the children now instead of with the first image."""
        for child in self._children:
            child.start()

    def decode(self, data: bytes, name: str) -> DecodedUpload:
        """Decode the bytes of one file, as `patchsieve.images.decode` decodes the file.

        Args:
            data: the file.
            name: what the client calls it; for the error only.

        Raises:
            BrokenImageError: it is no image, is damaged or too large, or its decoder died or took too long over it.
            Busy: all children are at work and stayed so.
        """
        try:
            child = self._idle.get(timeout=self.patience)
        except Empty:
            raise Busy(said("images are waiting to be decoded; send this one again later")) from None
        try:
            return child.decode(data, name, self.max_pixels, self.seconds)
        finally:
            self._idle.put(child)

    def close(self) -> None:
        """End the children. Images that are being decoded are broken then."""
        self._watchdog.close()
        for child in self._children:
            child.kill()


class _Child:
    """One process and the pipes to it; used by one thread at a time, ended by any."""

    def __init__(self, memory: int, watchdog: "_Watchdog") -> None:
        self._memory = memory
        self._watchdog = watchdog
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", str(_PROGRAM), str(self._memory)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    # Format libraries warn there about every second TIFF.
                    stderr=subprocess.DEVNULL,
                    env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                )
            return self._process

    def decode(self, data: bytes, name: str, max_pixels: int, seconds: float) -> DecodedUpload:
        process = self.start()
        watch = self._watchdog.watch(process, seconds)
        try:
            return _asked(process, data, name, max_pixels)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            # The child is gone, or says what it should not: a new one takes its place.
            self.kill()
            reason = (
                f"decoding it took longer than {seconds:g} seconds"
                if watch.passed
                else "its decoder broke down over it: it is damaged, or needs more memory than it is worth"
            )
            raise BrokenImageError(Path(name), reason) from error
        finally:
            self._watchdog.let_go(watch)
            if watch.passed:
                # It may have been done in the very last moment; the next image needs a child that lives.
                self.kill()

    def kill(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)


class _Watchdog:
    """Kills processes that are still at work when their time is over; one thread for all of them."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._watched: dict[_Watch, float] = {}
        self._closed = False
        Thread(target=self._run, name="decoding-deadlines", daemon=True).start()

    def watch(self, process: subprocess.Popen[bytes], seconds: float) -> "_Watch":
        """Kill a process some seconds from now, unless it is let go before."""
        watch = _Watch(process)
        with self._changed:
            self._watched[watch] = monotonic() + seconds
            self._changed.notify()
        return watch

    def let_go(self, watch: "_Watch") -> None:
        """Do not kill the process any more; when this returns, it will not be."""
        with self._changed:
            self._watched.pop(watch, None)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = monotonic()
                for watch in [watch for watch, due in self._watched.items() if due <= now]:
                    del self._watched[watch]
                    watch.passed = True
                    watch.process.kill()
                due = min(self._watched.values(), default=None)
                self._changed.wait(None if due is None else due - now)


@dataclass(eq=False)
class _Watch:
    """A process that is watched, and whether its time has passed."""

    process: subprocess.Popen[bytes]
    passed: bool = False


def _asked(process: subprocess.Popen[bytes], data: bytes, name: str, max_pixels: int) -> DecodedUpload:
    """Have a child decode a file. Where it dies or says what it should not, whatever fits that is raised."""
    assert process.stdin is not None
    assert process.stdout is not None
    head = {"size": len(data), "name": name, "max_pixels": max_pixels}
    process.stdin.write(json.dumps(head).encode() + b"\n")
    process.stdin.write(data)
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise EOFError("the decoder has died")
    answer = json.loads(line)
    if "reason" in answer:
        raise BrokenImageError(Path(name), answer["reason"])
    height, width, channels = answer["shape"]
    if channels != 3 or not 0 < height * width <= max_pixels:
        raise ValueError(f"the decoder speaks of pixels of shape {answer['shape']}")
    pixels = np.empty((height, width, 3), np.uint8)
    _read_into(process.stdout, pixels.data.cast("B"))
    return DecodedUpload(pixels, str(answer["format"]))


def _read_into(pipe: IO[bytes], target: memoryview) -> None:
    done = 0
    while done < len(target):
        count = pipe.readinto(target[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the decoder has died")
        done += count


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except OSError:
        # What was left to be written has nobody to read it.
        return
