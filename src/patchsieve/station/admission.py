"""How much is let in at a time: what comes beyond it is told to come later, before its body is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from time import monotonic
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from patchsieve.station.errors import Busy
from patchsieve.station.languages import said

# Of the newest answer in the running mean of the time between answers.
_NEWEST = 0.2
_LONGEST = 60

Answer = TypeVar("Answer")


class Admission:
    """Counts the requests that bring images. Used in the server's event loop only.

    Args:
        waiting: requests that may be on their way or waiting for a thread.
        working: requests that are worked on at a time; each of them may hold decoded images.
    """

    def __init__(self, *, waiting: int, working: int) -> None:
        self._most = waiting
        self._now = 0
        self._threads = CapacityLimiter(working)
        # Seconds from one answer to the next while there is always something to do.
        self._pace: float | None = None
        self._last_answer: float | None = None

    @contextmanager
    def room(self) -> Iterator[None]:
        """Take a request in for the length of the block.

        Raises:
            Busy: there are too many; it says when half of them will be answered, as fast as they are answered now.
        """
        if self._now >= self._most:
            raise Busy(
                said(
                    "%(count)s requests with images are waiting already; send this one again later",
                    count=self._now,
                ),
                retry_after=min(_LONGEST, max(1, ceil(self._now / 2 * (self._pace or 0.0)))),
            )
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1
            self._keep_pace(monotonic())

    def _keep_pace(self, now: float) -> None:
        if self._last_answer is not None:
            took = now - self._last_answer
            self._pace = took if self._pace is None else self._pace + _NEWEST * (took - self._pace)
        # With nothing left to do, the time to the next answer says nothing.
        self._last_answer = now if self._now else None

    async def work(self, task: Callable[[], Answer]) -> Answer:
        """Run a task in a thread once one is free. It runs to its end, whether or not the client waits for it."""
        return await to_thread.run_sync(task, limiter=self._threads)
