"""One at a time for each key, any number for different keys."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Once:
    """Locks by key, each of which lives as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Hashable, tuple[threading.Lock, int]] = {}

    @contextmanager
    def alone(self, key: Hashable) -> Iterator[None]:
        """Let one thread at a time into the block for the same key."""
        with self._lock:
            held, count = self._held.get(key, (threading.Lock(), 0))
            self._held[key] = (held, count + 1)
        try:
            with held:
                yield
        finally:
            with self._lock:
                _, count = self._held[key]
                if count == 1:
                    del self._held[key]
                else:
                    self._held[key] = (held, count - 1)
