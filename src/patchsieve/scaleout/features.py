"""Patch features in the object stores of a cluster, and the work on them where they lie.

Features are blocks of whole images. Nothing here holds more than a few of them at a time; Ray moves, spills and, where
a node is lost, makes again what the tasks ask for.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
import torch

from patchsieve.features.placement import Done, Group, Part, Reader, Rows
from patchsieve.scaleout.cluster import processors
from patchsieve.scaleout.groups import ActorGroup, Ref

Block = npt.NDArray[np.floating[Any]]

# Tasks for each processor: enough that none waits for the last, few enough that handing them out takes no time.
_TASKS_EACH = 4
# Features that one task of positions works on at most.
_TASK_BYTES = 128 * 2**20


class FeatureBlocks:
    """Rows of features `[R, H, W, C]` as objects of Ray, a store for `PatchFeatures` with workers of its own.

    Args:
        blocks: of float32 or float16 `[n, H, W, C]`.
        counts: n of each block.
        shape: (H, W, C).
    """

    resident_bytes = 0

    def __init__(self, blocks: Sequence[Ref], counts: Sequence[int], shape: tuple[int, int, int]) -> None:
        self._blocks = list(blocks)
        self._edges = np.concatenate([[0], np.cumsum(counts)])
        self.shape = (int(self._edges[-1]), *shape)

    def images(self, rows: Rows) -> torch.Tensor:
        """See `Store.images`."""
        _, height, width, channels = self.shape
        return self.positions(rows, 0, height * width).view(-1, height, width, channels)

    def positions(self, rows: Rows, first: int, last: int) -> torch.Tensor:
        """See `Store.positions`."""
        places, parts = self._pieces(rows, first, last)
        return _placed(places, ray.get(parts))

    def patches(self, indices: torch.Tensor) -> torch.Tensor:
        """See `Store.patches`."""
        each = self.shape[1] * self.shape[2]
        wanted = indices.cpu().numpy()
        shares = self._shares(wanted // each)
        parts = [
            _PATCHES.remote(self._blocks[block], wanted[places] - self._edges[block] * each)
            for block, places in shares
        ]
        return _placed([places for _, places in shares], ray.get(parts))

    def map_positions(
        self, rows: Rows, blocks: Sequence[tuple[int, int]], work: Callable[[torch.Tensor], Done]
    ) -> Iterator[Done]:
        """See `Workers.map_positions`: every block of images is cut by positions, every task gets all images' cuts."""
        order = self._rows(rows)
        image_bytes = 4 * len(order) * self.shape[3]
        most = max(1, _TASK_BYTES // (image_bytes * max(last - first for first, last in blocks)))
        together = min(most, ceil(len(blocks) / (_TASKS_EACH * processors())))
        tasks = [blocks[first : first + together] for first in range(0, len(blocks), together)]
        spans = [(task[0][0], task[-1][1]) for task in tasks]
        places, cuts = self._cut(order, spans)
        sent = ray.put(work)
        ready = (
            _WORKED_POSITIONS.remote(sent, task, places, *cut) for task, cut in zip(tasks, cuts, strict=True)
        )
        for found in in_order(ready):
            yield from found

    def map_images(
        self, rows: torch.Tensor, size: int, work: Callable[[torch.Tensor, int], Done]
    ) -> Iterator[Done]:
        """See `Workers.map_images`."""
        sent = ray.put(work)
        positions = self.shape[1] * self.shape[2]

        def started() -> Iterator[Ref]:
            for number, batch in enumerate(torch.split(rows, size)):
                places, parts = self._pieces(batch, 0, positions)
                yield _WORKED_IMAGES.remote(sent, self.shape[1:], number * size, places, *parts)

        yield from in_order(started())

    def spread(
        self, patches: torch.Tensor, unit: int, build: Callable[[Reader, int, int], Part]
    ) -> Group[Part]:
        """See `PatchFeatures.spread`: a part for each processor, an actor that reads the blocks it needs."""
        units = ceil(len(patches) / unit)
        parts = min(processors(), units)
        edges = [min(len(patches), unit * (units * part // parts)) for part in range(parts + 1)]
        return ActorGroup(
            [(*self._around(patches[first:last]), build, first) for first, last in pairwise(edges)]
        )

    def map_patches(
        self, lists: Sequence[torch.Tensor], works: Sequence[Callable[[Reader], Done]]
    ) -> Iterator[Done]:
        """See `Workers.map_patches`: each list is a task, which reads the blocks it needs one after the other."""
        yield from in_order(
            _WORKED_PATCHES.remote(work, *self._around(patches))
            for patches, work in zip(lists, works, strict=True)
        )

    def here(self, indices: torch.Tensor) -> torch.Tensor:
        """Read patches like `patches`, in this process: for a worker that needs most of some blocks."""
        each = self.shape[1] * self.shape[2]
        wanted = indices.numpy()
        found = torch.empty(len(wanted), self.shape[3])
        for block, places in self._shares(wanted // each):
            whole = ray.get(self._blocks[block]).reshape(-1, self.shape[3])
            found[torch.from_numpy(places)] = torch.from_numpy(
                whole[wanted[places] - self._edges[block] * each]
            ).float()
        return found

    def _around(self, patches: torch.Tensor) -> "tuple[FeatureBlocks, torch.Tensor]":
        """Return no more of the blocks than these patches lie in, and where they lie there."""
        each = self.shape[1] * self.shape[2]
        ends = np.array([int(patches.min()), int(patches.max())]) // each
        first, last = np.searchsorted(self._edges, ends, side="right") - 1
        counts = np.diff(self._edges[first : last + 2])
        blocks = FeatureBlocks(self._blocks[first : last + 1], counts.tolist(), self.shape[1:])
        return blocks, patches - int(self._edges[first]) * each

    def _rows(self, rows: Rows) -> npt.NDArray[np.int64]:
        return np.arange(self.shape[0])[rows] if isinstance(rows, slice) else rows.cpu().numpy()

    def _shares(self, rows: npt.NDArray[np.int64]) -> list[tuple[int, npt.NDArray[np.int64]]]:
        """Return which blocks hold these rows, and for each the places of its own among `rows`."""
        homes = np.searchsorted(self._edges, rows, side="right") - 1
        order = np.argsort(homes, kind="stable")
        blocks, starts = np.unique(homes[order], return_index=True)
        return list(zip(blocks.tolist(), np.split(order, starts[1:]), strict=True))

    def _pieces(self, rows: Rows, first: int, last: int) -> tuple[list[npt.NDArray[np.int64]], list[Ref]]:
        places, cuts = self._cut(self._rows(rows), [(first, last)])
        return places, next(iter(cuts))

    def _cut(
        self, rows: npt.NDArray[np.int64], spans: list[tuple[int, int]]
    ) -> tuple[list[npt.NDArray[np.int64]], list[list[Ref]]]:
        """Cut these images' blocks by positions: the places of each block's rows, and for each span all the cuts."""
        shares = self._shares(rows)
        cuts = []
        for block, places in shares:
            task = _CUTS.options(num_returns=len(spans))
            found = task.remote(self._blocks[block], rows[places] - self._edges[block], spans)
            cuts.append([found] if len(spans) == 1 else found)
        return [places for _, places in shares], [list(span) for span in zip(*cuts, strict=True)]


def _cuts(block: Block, rows: npt.NDArray[np.int64], spans: list[tuple[int, int]]) -> Any:
    flat = block.reshape(len(block), -1, block.shape[3])
    found = [flat[rows, first:last] for first, last in spans]
    return found[0] if len(found) == 1 else found


def _patches(block: Block, indices: npt.NDArray[np.int64]) -> Block:
    return block.reshape(-1, block.shape[3])[indices]


def _worked_positions(
    work: Callable[[torch.Tensor], Done],
    blocks: list[tuple[int, int]],
    places: list[npt.NDArray[np.int64]],
    *cuts: Block,
) -> list[Done]:
    """Return what comes of work on each block of positions `[P, n, C]`, which the cuts `[n', P', C]` hold together."""
    every = _placed(places, cuts).transpose(0, 1).contiguous()
    start = blocks[0][0]
    return [work(every[first - start : last - start]) for first, last in blocks]


def _worked_images(
    work: Callable[[torch.Tensor, int], Done],
    shape: tuple[int, int, int],
    first: int,
    places: list[npt.NDArray[np.int64]],
    *parts: Block,
) -> Done:
    return work(_placed(places, parts).view(-1, *shape), first)


def _worked_patches(work: Callable[[Reader], Done], blocks: FeatureBlocks, patches: torch.Tensor) -> Done:
    return work(lambda first, last: blocks.here(patches[first:last]))


def _placed(places: Sequence[npt.NDArray[np.int64]], parts: Sequence[Block]) -> torch.Tensor:
    """Join parts float32 or float16 `[n, ...]`, each into its places: float32."""
    found = torch.empty(sum(map(len, places)), *parts[0].shape[1:])
    for some, part in zip(places, parts, strict=True):
        # A copy: what Ray hands out is not to be written to, and torch asks for what is.
        found[torch.from_numpy(some)] = torch.from_numpy(part.astype(np.float32))
    return found


def in_order(refs: Iterator[Ref]) -> Iterator[Any]:
    """Yield results in order, a few tasks for each processor ahead of what is asked for."""
    ahead = _TASKS_EACH * processors()
    waiting: deque[Ref] = deque()
    for ref in refs:
        waiting.append(ref)
        if len(waiting) > ahead:
            yield ray.get(waiting.popleft())
    while waiting:
        yield ray.get(waiting.popleft())


# Tasks; how a result's type follows from the work's is more than Ray's types can say.
_CUTS: Any = ray.remote(_cuts)
_PATCHES: Any = ray.remote(_patches)
_WORKED_POSITIONS: Any = ray.remote(_worked_positions)
_WORKED_IMAGES: Any = ray.remote(_worked_images)
_WORKED_PATCHES: Any = ray.remote(_worked_patches)
