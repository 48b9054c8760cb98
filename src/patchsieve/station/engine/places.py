"""A bounded number of images at a time for one model: places are taken before any work is done."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING, Protocol, Self

from patchsieve.errors import BrokenImageError
from patchsieve.images import Pixels
from patchsieve.station.errors import Busy, TooLarge, Unavailable
from patchsieve.station.languages import said

if TYPE_CHECKING:
    from patchsieve.decisions import Result
    from patchsieve.detectors import Detector

# Of the newest batch in the running mean of the time that an image takes.
_NEWEST = 0.2

_log = logging.getLogger(__name__)

BatchSeen = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class Scored:
    """One image's result.

    Attributes:
        result: of this image alone, N = 1, held against the threshold of the model's file.
        waited: seconds from when its pixels came until its batch was begun.
        seconds: that its batch took.
        batch: how many images were scored together.
    """

    result: "Result"
    waited: float
    seconds: float
    batch: int


class Ticket:
    """Pixels that wait to be scored. `future` is for those who wait in an event loop: `asyncio.wrap_future`."""

    __slots__ = ("future", "name", "pixels", "since")

    def __init__(self, pixels: Pixels, name: str) -> None:
        self.pixels = pixels
        self.name = name
        self.since = monotonic()
        self.future: Future[Scored] = Future()

    def result(self, timeout: float | None = None) -> Scored:
        """Wait for the result. Raises what scoring raised, or `TimeoutError`."""
        return self.future.result(timeout)

    def cancel(self) -> bool:
        """Give the place in the queue back, where scoring has not begun: nobody waits for the answer any more."""
        return self.future.cancel()

    def answer(self, answer: "Result | Exception", began: float, seconds: float, batch: int) -> None:
        """Tell who waits what became of the image, scored with others in a batch that began and took so long."""
        if isinstance(answer, Exception):
            if not isinstance(answer, BrokenImageError):
                _log.error("an image could not be scored", exc_info=answer)
            self.future.set_exception(answer)
        else:
            self.future.set_result(Scored(answer, began - self.since, seconds, batch))


class Places:
    """Places in a batcher's queue, taken before the work of decoding is begun; the unused are given back at the end.

    Attributes:
        batcher: whose. It scores what was accepted even if another model takes its line meanwhile.
    """

    def __init__(self, batcher: "Batcher", count: int) -> None:
        self.batcher = batcher
        self._left = count

    def score(self, pixels: Pixels, name: str = "") -> Ticket:
        """Put pixels, uint8 RGB `[H, W, 3]`, into the queue, on one of the places."""
        if self._left < 1:
            raise ValueError("all places that were taken are used")
        self._left -= 1
        ticket = Ticket(pixels, name)
        self.batcher.enqueue(ticket)
        return ticket

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        left, self._left = self._left, 0
        self.batcher.give_back(left)


class Batcher(ABC):
    """Takes images in for one model, no more than it has places for, and has them scored in small batches.

    Args:
        queue_size: images that are accepted at a time: on their way, waiting and being scored.
        seen: told the size and the seconds of each batch.
    """

    def __init__(self, *, queue_size: int = 256, seen: BatchSeen = lambda _size, _seconds: None) -> None:
        self.queue_size = queue_size
        self._seen = seen
        self._changed = Condition()
        self._held = 0
        self._closing = False
        self._image_seconds: float | None = None

    @property
    def held(self) -> int:
        """How many images are accepted and not answered yet."""
        return self._held

    @property
    def image_seconds(self) -> float | None:
        """What an image took lately; None before the first."""
        return self._image_seconds

    def accept(self, count: int = 1) -> Places:
        """Take places for `count` images, all or none.

        Raises:
            Busy: the queue is full; it says when there will be room, as fast as images are scored now.
            TooLarge: there would never be room for so many at once.
            Unavailable: the model is being put away.
        """
        with self._changed:
            if self._closing:
                raise Unavailable(
                    said("the station is stopping, or the line has changed its model; ask again")
                )
            if count > self.queue_size:
                raise TooLarge(
                    said(
                        "%(count)s images are more than the %(most)s that can wait at a time; send fewer at once",
                        count=count,
                        most=self.queue_size,
                    )
                )
            if self._held + count > self.queue_size:
                raise Busy(
                    said(
                        "%(held)s images are waiting already; send the %(count)s again later",
                        held=self._held,
                        count=count,
                    ),
                    retry_after=self._room_in(count),
                )
            self._held += count
        return Places(self, count)

    def enqueue(self, ticket: Ticket) -> None:
        """Put a ticket into the queue, on a place that is held for it."""
        ticket.future.add_done_callback(lambda _: self.give_back(1))
        self._take(ticket)

    def give_back(self, count: int) -> None:
        """Give places back."""
        with self._changed:
            self._held -= count
            self._changed.notify_all()

    @abstractmethod
    def _take(self, ticket: Ticket) -> None:
        """Have a ticket answered, some time."""

    @abstractmethod
    def close(self) -> None:
        """Accept no more, finish what was accepted, and end. Returns when all of it is answered."""

    def _stop_accepting(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def _count(self, size: int, seconds: float, *, side_by_side: int = 1) -> None:
        """Take note of a batch, of which so many are scored at a time."""
        share = seconds / size / side_by_side
        known = self._image_seconds
        self._image_seconds = share if known is None else known + _NEWEST * (share - known)
        try:
            self._seen(size, seconds)
        except Exception:  # a figure that is not counted is no reason to stop
            _log.warning("a batch could not be counted", exc_info=True)

    def _room_in(self, count: int) -> int:
        """Return in how many seconds there will be room for `count` images, at least one."""
        over = self._held + count - self.queue_size
        # Room for one comes soon; who asks for it is not alone. Half the queue should be empty by then.
        return max(1, ceil(max(over, self._held / 2) * (self._image_seconds or 0.0)))


class Scoring(Protocol):
    """Where models score: in this process, or elsewhere.

    Attributes:
        at_once: images of a line that may be scored at a time.
    """

    @property
    def at_once(self) -> int: ...  # noqa: D102

    def batcher(self, model: "Detector", file: Path, seen: BatchSeen) -> Batcher:
        """Make ready what scores by a model: when this returns, the first image does not wait for anything.

        Args:
            model: as loaded here.
            file: that it was loaded from; it stays what it is.
            seen: told the size and the seconds of each batch.

        Raises:
            PatchSieveError: the model cannot be used there.
        """
