"""One model at work for many who ask: images wait in a bounded queue and are scored a few at a time."""

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from typing import TYPE_CHECKING, Self

from patchsieve.errors import BrokenImageError
from patchsieve.images import ImageRecord, ImageSet, Pixels
from patchsieve.station.errors import Busy, TooLarge, Unavailable
from patchsieve.station.languages import said

if TYPE_CHECKING:
    from patchsieve.decisions import Result
    from patchsieve.runtime import Model

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


class Places:
    """Places in a batcher's queue, taken before the work of decoding is begun; the unused are given back at the end.

    Attributes:
        batcher: whose. It scores what was accepted even if another model takes its line meanwhile.
    """

    def __init__(self, batcher: "MicroBatcher", count: int) -> None:
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


@dataclass(eq=False)
class MicroBatcher:
    """Scores images by one model in a thread of its own.

    A batch begins when the model is free and `batch_size` images are there, or none that was accepted is still on its
    way, or the first of them has waited for `max_wait_seconds`. So one who asks alone never waits for others, and
    under load batches fill while the model is at work.

    Attributes:
        model: what scores.
        queue_size: images that are accepted at a time: on their way, waiting and being scored.
        batch_size: images that the model takes at once.
        max_wait_seconds: that the first image of a batch waits for others.
        seen: told the size and the seconds of each batch.
    """

    model: "Model"
    queue_size: int = 256
    batch_size: int = 8
    max_wait_seconds: float = 0.02
    seen: BatchSeen = field(default=lambda _size, _seconds: None, repr=False)

    def __post_init__(self) -> None:
        self._changed = Condition()
        self._waiting: deque[Ticket] = deque()
        self._held = 0
        self._closing = False
        self._image_seconds: float | None = None
        self._thread = Thread(target=self._work, name="scoring", daemon=True)
        self._thread.start()

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
        with self._changed:
            self._waiting.append(ticket)
            self._changed.notify_all()

    def give_back(self, count: int) -> None:
        """Give places back."""
        with self._changed:
            self._held -= count
            self._changed.notify_all()

    def close(self) -> None:
        """Accept no more, finish what was accepted, and end. Returns when all of it is answered."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _room_in(self, count: int) -> int:
        """Return in how many seconds there will be room for `count` images, at least one."""
        over = self._held + count - self.queue_size
        # Room for one comes soon; who asks for it is not alone. Half the queue should be empty by then.
        return max(1, ceil(max(over, self._held / 2) * (self._image_seconds or 0.0)))

    def _work(self) -> None:
        while batch := self._next():
            started = monotonic()
            try:
                self._score(batch, started)
            except Exception as error:  # whatever it is, those who come later are still to be served
                _fail(batch, error)
            seconds = monotonic() - started
            share = seconds / len(batch)
            known = self._image_seconds
            self._image_seconds = share if known is None else known + _NEWEST * (share - known)
            try:
                self.seen(len(batch), seconds)
            except Exception:  # a figure that is not counted is no reason to stop
                _log.warning("a batch could not be counted", exc_info=True)

    def _next(self) -> list[Ticket]:
        """Wait for a batch; an empty one is the end."""
        with self._changed:
            while True:
                while not self._waiting:
                    if self._closing and not self._held:
                        return []
                    self._changed.wait()
                until = self._waiting[0].since + self.max_wait_seconds
                while (
                    len(self._waiting) < min(self.batch_size, self._held)
                    and (left := until - monotonic()) > 0
                ):
                    self._changed.wait(left)
                batch: list[Ticket] = []
                while self._waiting and len(batch) < self.batch_size:
                    ticket = self._waiting.popleft()
                    if ticket.future.set_running_or_notify_cancel():
                        batch.append(ticket)
                if batch:
                    return batch

    def _score(self, batch: list[Ticket], started: float) -> None:
        records = tuple(ImageRecord(str(place), pixels=ticket.pixels) for place, ticket in enumerate(batch))
        began = monotonic()
        try:
            result = self.model.predict(ImageSet(Path(), "arrays", records))
        except Exception as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            # One of them is the cause; the others shall not suffer for it.
            for ticket in batch:
                self._score([ticket], started)
            return
        seconds = monotonic() - began
        rows = {int(name): row for row, name in enumerate(result.images.names)}
        reasons = {int(skip.name): skip.reason for skip in result.skipped}
        for place, ticket in enumerate(batch):
            if place in rows:
                waited = started - ticket.since
                row = _row(result, rows[place], ticket.name)
                ticket.future.set_result(Scored(row, waited, seconds, len(batch)))
            else:
                ticket.future.set_exception(BrokenImageError(Path(ticket.name), reasons[place]))


def _fail(batch: list[Ticket], error: Exception) -> None:
    """Tell those of a batch who have no answer yet that there will be none."""
    _log.error("a batch of %s images failed", len(batch), exc_info=error)
    for ticket in batch:
        if not ticket.future.done():
            ticket.future.set_exception(error)


def _row(result: "Result", row: int, name: str) -> "Result":
    """Return the result of one image, which keeps nothing of the others in memory."""
    one = slice(row, row + 1)
    return replace(
        result,
        images=result.images.with_records([ImageRecord(name)]),
        scores=result.scores[one].copy(),
        maps=result.maps[one].copy(),
        boxes=result.boxes[one].copy(),
        sizes=result.sizes[one].copy(),
        peaks=result.peaks[one].copy(),
        seconds=result.seconds[one].copy(),
        skipped=(),
    )
