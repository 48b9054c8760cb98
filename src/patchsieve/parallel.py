"""Blocks of work side by side, each in one thread.

torch puts all its threads to work on every single operation and waits for the slowest each time. Where the operations
are small, that waiting takes longer than the work, many times longer when other programs want the processor too. So
work that falls into blocks gives every thread blocks of its own.
"""

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

Block = TypeVar("Block")
Done = TypeVar("Done")


def even_rows(total: int, most: int) -> int:
    """Return how many of `total` rows, `most` at the highest, make blocks that keep every thread equally busy."""
    threads = torch.get_num_threads()
    blocks = threads * max(1, math.ceil(total / (threads * most)))
    return max(1, math.ceil(total / blocks))


def map_blocks(work: Callable[[Block], Done], blocks: Iterable[Block], device: torch.device) -> list[Done]:
    """Return the result of `work` for each block, in order; on a GPU, one after the other."""
    return start_blocks(work, blocks, device)()


def start_blocks(
    work: Callable[[Block], Done], blocks: Iterable[Block], device: torch.device, *, aside: bool = False
) -> Callable[[], list[Done]]:
    """Start `work` on each block and return what waits for the results.

    Args:
        work: of one block.
        blocks: in order.
        device: on a GPU, and with a single thread, work is done one after the other when its results are asked for.
        aside: whether a single block is worked on by one thread at once, too, because others have work to do meanwhile;
            else all threads join in it when its result is asked for.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    blocks = list(blocks)
    if threads == 1 or len(blocks) <= (0 if aside else 1):
        return lambda: [work(block) for block in blocks]
    started = [_pool(threads).submit(work, block) for block in blocks]
    return lambda: [future.result() for future in started]


def map_ahead(
    work: Callable[[Block], Done], blocks: Iterable[Block], device: torch.device, ahead: int
) -> Iterator[Done]:
    """Yield the result of `work` for each block, in order.

    Args:
        work: of one block.
        blocks: in order; they may be slow to come.
        device: on a GPU, one is worked on after the other.
        ahead: how many are worked on, each by one thread, while one is used. With 0 all threads join in a single one.
    """
    started: deque[Callable[[], list[Done]]] = deque()
    for block in blocks:
        started.append(start_blocks(work, [block], device, aside=ahead > 0))
        if len(started) > ahead:
            yield from started.popleft()()
    while started:
        yield from started.popleft()()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that live on: new ones would first have to get all their memory from the system again."""
    pool = ThreadPoolExecutor(threads, "patchsieve", initializer=_work_alone)
    # All of them start now: setting a thread's number changes what any thread takes that starts later.
    together = Barrier(threads)
    list(pool.map(lambda _: together.wait(), range(threads)))
    torch.set_num_threads(threads)
    return pool


def _work_alone() -> None:
    # When a thread first asks or works, it takes the number that was set last by any thread: so ask first.
    torch.get_num_threads()
    torch.set_num_threads(1)


# A forked process has the pool but not its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
