"""Blocks of work side by side, each in one thread.

torch puts all its threads to work on every single operation and waits for the slowest each time. Where the operations
are small, that waiting takes longer than the work, many times longer when other programs want the processor too. So
work that falls into blocks gives every thread blocks of its own.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Block = TypeVar("Block")
Done = TypeVar("Done")


def map_blocks(work: Callable[[Block], Done], blocks: Iterable[Block], device: torch.device) -> list[Done]:
    """Return the result of `work` for each block, in order; on a GPU, one after the other."""
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    blocks = list(blocks)
    if threads == 1 or len(blocks) <= 1:
        return [work(block) for block in blocks]
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(work, blocks))
    finally:
        # Threads that are started later take the number that was set last, by any thread.
        torch.set_num_threads(threads)
