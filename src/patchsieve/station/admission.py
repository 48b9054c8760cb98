"""How much is let in at a time: what comes beyond it is told to come later, before its body is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from patchsieve.station.errors import Busy

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

    @contextmanager
    def room(self) -> Iterator[None]:
        """Take a request in for the length of the block. Raises `Busy` where there are too many."""
        if self._now >= self._most:
            raise Busy(f"{self._now} requests with images are waiting already; send this one again later")
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1

    async def work(self, task: Callable[[], Answer]) -> Answer:
        """Run a task in a thread once one is free. It runs to its end, whether or not the client waits for it."""
        return await to_thread.run_sync(task, limiter=self._threads)
