"""What happens, told at once to all who watch: server-sent events from any thread to any number of browsers."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

MISSED = "missed"
"""Kind of the event that says that some were lost for this watcher: a page loads itself anew then."""

# What a browser waits before it connects again.
_RETRY_MILLISECONDS = 2000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        number: 1 for the first since the server has started.
        kind: such as "inspection" or "job".
        data: what there is to say, JSON-able.
        line_id: the line that it is about; None for all.
    """

    number: int
    kind: str
    data: Mapping[str, Any]
    line_id: str | None = None


@dataclass(eq=False)
class _Watcher:
    """One who watches, as seen from the threads that publish."""

    loop: asyncio.AbstractEventLoop
    line_id: str | None
    limit: int
    waiting: deque[Event] = field(default_factory=deque)
    missed: int = 0
    closed: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, event: Event) -> None:
        """Put an event where the watcher finds it; one who does not keep up loses all that waits."""
        if self.line_id is not None and event.line_id not in (None, self.line_id):
            return
        if len(self.waiting) >= self.limit:
            self.missed += len(self.waiting)
            self.waiting.clear()
        self.waiting.append(event)
        self.wake()

    def wake(self) -> None:
        # A loop that is closed has nobody to wake.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.news.set)


class EventHub:
    """Takes events from any thread and streams them to watchers; it never waits for one of them.

    Args:
        keep: events that are kept for those who come back, and say by Last-Event-ID where they were.
        limit: events that may wait for one watcher.
        heartbeat: seconds of silence after which a comment is sent, so that dead connections are noticed.
        seen: told of each event, in the thread that publishes it.
    """

    def __init__(
        self,
        *,
        keep: int = 256,
        limit: int = 256,
        heartbeat: float = 15.0,
        seen: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        self._seen = seen
        self._kept: deque[Event] = deque(maxlen=keep)
        self._limit = limit
        self._heartbeat = heartbeat
        self._lock = Lock()
        self._watchers: set[_Watcher] = set()
        self._count = 0
        self._closed = False
        # Numbers begin again with the server: an id of another start is not one of these.
        self._start = secrets.token_hex(4)

    @property
    def last_id(self) -> str:
        """Id of the newest event, for a page that shows all up to now and streams what comes after."""
        return self._id(self._count)

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return len(self._watchers)

    def publish(self, kind: str, data: Mapping[str, Any], line_id: str | None = None) -> None:
        """Tell all who watch. Returns at once, from any thread.

        Args:
            kind: such as "inspection"; the browser's name of the event.
            data: JSON-able.
            line_id: the line that it is about; None for all.
        """
        with self._lock:
            self._count += 1
            event = Event(self._count, kind, data, line_id)
            self._kept.append(event)
            for watcher in self._watchers:
                watcher.offer(event)
        self._seen(event)

    async def stream(
        self, last_event_id: str | None = None, line_id: str | None = None
    ) -> AsyncIterator[bytes]:
        """Yield events as text/event-stream, until the watcher goes or the hub is closed.

        Args:
            last_event_id: the last one that the watcher has: what came after it follows first, or an event `MISSED`
                where that is not known any more. None for those who want new ones only.
            line_id: events of this line and of all lines; None for all events.
        """
        watcher = self._joined(last_event_id, line_id)
        try:
            yield f"retry: {_RETRY_MILLISECONDS}\n\n".encode()
            while True:
                with self._lock:
                    events, missed = list(watcher.waiting), watcher.missed
                    watcher.waiting.clear()
                    watcher.missed = 0
                    watcher.news.clear()
                    closed = watcher.closed
                if missed:
                    yield self._text(MISSED, {"events": missed}, events[0].number - 1 if events else None)
                for event in events:
                    yield self._text(event.kind, event.data, event.number)
                if closed:
                    return
                try:
                    await asyncio.wait_for(watcher.news.wait(), self._heartbeat)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            with self._lock:
                self._watchers.discard(watcher)

    def close(self) -> None:
        """End all streams: a server that stops waits for them."""
        with self._lock:
            self._closed = True
            for watcher in self._watchers:
                watcher.closed = True
                watcher.wake()

    def _joined(self, last_event_id: str | None, line_id: str | None) -> _Watcher:
        watcher = _Watcher(asyncio.get_running_loop(), line_id, max(self._limit, self._kept.maxlen or 0))
        with self._lock:
            watcher.closed = self._closed
            if last_event_id is not None:
                after = self._number(last_event_id)
                first = self._kept[0].number if self._kept else self._count + 1
                if after is None or after + 1 < first:
                    watcher.missed = first - 1 - (after or 0) or 1
                for event in self._kept:
                    if after is None or event.number > after:
                        watcher.offer(event)
            self._watchers.add(watcher)
        return watcher

    def _id(self, number: int) -> str:
        return f"{self._start}-{number}"

    def _number(self, event_id: str) -> int | None:
        """Return which event an id means; None for one of another start or of no event."""
        start, _, number = event_id.partition("-")
        known = start == self._start and number.isdecimal() and int(number) <= self._count
        return int(number) if known else None

    def _text(self, kind: str, data: Mapping[str, Any], number: int | None) -> bytes:
        # JSON has no bare line ends, which would end the field.
        told = "" if number is None else f"id: {self._id(number)}\n"
        return f"{told}event: {kind}\ndata: {json.dumps(dict(data), ensure_ascii=False)}\n\n".encode()
