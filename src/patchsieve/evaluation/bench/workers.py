"""Work for several processes, any of which may die without taking the rest along."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import Generic, Self, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class Died:
    """Stands for the answer of a process that ended in the middle of a task, for want of memory as a rule."""


class Workers(Generic[Task, Answer]):
    """Processes of their own that answer tasks; a context manager.

    Where a process dies, the tasks that were under way are done again one at a time: the one that kills its process
    is told from those that were only near it.
    """

    def __init__(self, count: int, answer: Callable[[Task], Answer]) -> None:
        """Keep what is needed to start `count` processes; `answer` must be importable by its name."""
        self._count = count
        self._answer = answer
        self._context = get_context("spawn")

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def answers(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Answer | Died]]:
        """Yield each task with its answer as they come, or with `Died` if its process did."""
        waiting = list(reversed(tasks))
        suspected: list[Task] = []
        running: dict[Future[Answer], Task] = {}
        while waiting or suspected or running:
            # A suspect runs alone: what dies then dies of it.
            source, room = (suspected, 1) if suspected else (waiting, self._count)
            broken = False
            while source and len(running) < room and not broken:
                broken = not self._submit(source, running)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            if broken or any(_lost(future) for future in done):
                # All that were under way are lost with the pool.
                lost = [running.pop(future) for future in list(running) if _lost(future)]
                self._stop()
                self._start()
                if len(lost) == 1:
                    yield lost[0], Died()
                suspected += lost if len(lost) > 1 else []
            for future in done & running.keys():
                yield running.pop(future), future.result()

    def _submit(self, source: list[Task], running: dict[Future[Answer], Task]) -> bool:
        """Start the next task; say False where the pool is broken, the task left where it is."""
        try:
            running[self._pool.submit(self._answer, source[-1])] = source[-1]
        except BrokenProcessPool:
            return False
        source.pop()
        return True

    def _start(self) -> None:
        # The end that is kept here closes with this process, however it ends, and so the workers know.
        self._watched, self._alive = self._context.Pipe(duplex=False)
        threads = max(1, (os.cpu_count() or 1) // self._count)
        self._pool = ProcessPoolExecutor(self._count, self._context, _begin, (self._watched, threads))

    def _stop(self) -> None:
        self._alive.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._watched.close()


def _lost(future: Future[Answer]) -> bool:
    wait([future])
    return isinstance(future.exception(), BrokenProcessPool)


def _begin(watched: Connection, threads: int) -> None:
    """Set a process up: its share of the processors, and an end with its parent."""
    import torch

    torch.set_num_threads(threads)
    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, args=(watched,), daemon=True).start()


def _end_with_parent(watched: Connection) -> None:
    with suppress(EOFError, OSError):
        watched.recv()
    os._exit(1)
