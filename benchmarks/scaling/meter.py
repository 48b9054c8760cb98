"""Processor time of the nodes of a cluster, which says more than the clock where many share few processors."""

from collections.abc import Sequence
from contextlib import suppress
from threading import Event, Thread
from time import process_time
from typing import Self

import psutil

_EVERY = 0.1


class Meter:
    """Measures processor time for the length of a block.

    What a process used in its last tenth of a second is lost: workers end when their work does.

    Args:
        raylets: process ids of the nodes' raylets, which start the workers.

    Attributes:
        own: seconds of this process.
        nodes: seconds of the workers of each node.
    """

    def __init__(self, raylets: Sequence[int] = ()) -> None:
        self._raylets = [psutil.Process(pid) for pid in raylets]
        self._over = Event()
        self._thread = Thread(target=self._watch)
        self._used: list[dict[psutil.Process, float]] = [{} for _ in raylets]
        self.own = 0.0
        self.nodes: list[float] = []

    def __enter__(self) -> Self:
        self._look()
        self._before = [dict(used) for used in self._used]
        self.own = process_time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.own = process_time() - self.own
        self._over.set()
        self._thread.join()
        self._look()
        self.nodes = [
            sum(used.values()) - sum(before.values())
            for used, before in zip(self._used, self._before, strict=True)
        ]

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        for raylet, used in zip(self._raylets, self._used, strict=True):
            for process in raylet.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    # A worker is named after its work, others do Ray's own.
                    if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::"):
                        times = process.cpu_times()
                        used[process] = times.user + times.system
