"""The patch features of a set of images, in memory or in a file, read a part at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.features.placement import Done, Group, Here, Part, Reader, Rows, Workers
from patchsieve.parallel import map_blocks

# What a batch of images takes at most, however many are asked for: one that is looked at in tiles may be large.
_BATCH_BYTES = 256 * 2**20


class Store(Protocol):
    """Where the features of R images lie. Every way of reading gives float32."""

    @property
    def shape(self) -> tuple[int, int, int, int]: ...  # noqa: D102

    @property
    def resident_bytes(self) -> int: ...  # noqa: D102

    def images(self, rows: Rows) -> torch.Tensor:
        """Return whole images, `[n, H, W, C]`."""

    def positions(self, rows: Rows, first: int, last: int) -> torch.Tensor:
        """Return the patches of some images from position `first` to before `last`, `[n, P, C]`."""

    def patches(self, indices: torch.Tensor) -> torch.Tensor:
        """Return single patches `[K, C]` by index int64 `[K]` into the flattened `[R H W]`."""


class PatchFeatures:
    """Patch features `[N, H, W, C]` that are read by images, by positions or patch by patch, as float32.

    What lies behind may be a tensor in memory or a file, float32 or float16, and may hold more images than these. So
    a set larger than the memory can be worked on, and a part of the images is taken without a copy.

    Attributes:
        device: where what is read lies.
        layer_channels: how many of the C channels come from each layer of the backbone, shallow to deep.
        others: features of the same N images by other extractors, for what needs several kinds; they go along
            wherever images are taken, and are counted with these in bytes.

    Args:
        data: `[R, H, W, C]`, R >= N.
        images: int64 `[N]`, which of the R images these are; None for all.
        device: where what is read is wanted; None for where a tensor is, and the CPU for a file.
        layer_channels: None where the channels are not those of single layers.
        others: as above.
    """

    def __init__(
        self,
        data: "torch.Tensor | Store",
        images: npt.NDArray[np.int64] | None = None,
        *,
        device: torch.device | None = None,
        layer_channels: Sequence[int] | None = None,
        others: "Sequence[PatchFeatures]" = (),
    ) -> None:
        self._store: Store = _InMemory(data) if isinstance(data, torch.Tensor) else data
        self.device = device or (data.device if isinstance(data, torch.Tensor) else torch.device("cpu"))
        self._images = None if images is None else torch.from_numpy(np.asarray(images, dtype=np.int64))
        self.layer_channels = tuple(layer_channels or self._store.shape[3:])
        if sum(self.layer_channels) != self._store.shape[3]:
            raise ValueError(f"{self._store.shape[3]} channels are not {self.layer_channels}")
        self.others = tuple(others)
        if any(len(other) != len(self) for other in others):
            raise ValueError("features of several extractors must be of the same images")

    def __len__(self) -> int:
        return self._store.shape[0] if self._images is None else len(self._images)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)."""
        _, height, width, channels = self._store.shape
        return len(self), height, width, channels

    @property
    def nbytes(self) -> int:
        """Bytes that all of them take as float32."""
        return 4 * int(np.prod(self.shape, dtype=np.int64)) + sum(other.nbytes for other in self.others)

    @property
    def resident_bytes(self) -> int:
        """Bytes that they take in memory as they are: none where they lie in a file."""
        return self._store.resident_bytes + sum(other.resident_bytes for other in self.others)

    @property
    def elsewhere(self) -> bool:
        """Whether they lie with workers, who are asked to do the work on them."""
        return isinstance(self._store, Workers)

    def take(self, images: npt.NDArray[np.int64]) -> "PatchFeatures":
        """Return some of the images, int64 `[n]`, in that order; nothing is copied."""
        chosen = np.asarray(images, dtype=np.int64)
        rows = chosen if self._images is None else self._images.numpy()[chosen]
        return PatchFeatures(
            self._store,
            rows,
            device=self.device,
            layer_channels=self.layer_channels,
            others=[other.take(chosen) for other in self.others],
        )

    def with_others(self, others: "Sequence[PatchFeatures]") -> "PatchFeatures":
        """Return the same features with those of other extractors beside them."""
        rows = None if self._images is None else self._images.numpy()
        return PatchFeatures(
            self._store, rows, device=self.device, layer_channels=self.layer_channels, others=others
        )

    def tensor(self) -> torch.Tensor:
        """Return all of them, float32 `[N, H, W, C]`: what lies behind, not a copy, where it is just that."""
        return self.images(0, len(self))

    def in_memory(self) -> "PatchFeatures":
        """Return the same features, read once and held in memory."""
        others = [other.in_memory() for other in self.others]
        return PatchFeatures(self.tensor(), layer_channels=self.layer_channels, others=others)

    def images(self, first: int, last: int) -> torch.Tensor:
        """Return the images from `first` to before `last`, float32 `[n, H, W, C]`."""
        return self._store.images(self._rows(first, last)).to(self.device)

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Yield float32 `[n, H, W, C]`, `size` images at a time, fewer of large ones."""
        size = self._together(size)
        for first in range(0, len(self), size):
            yield self.images(first, min(first + size, len(self)))

    def positions(self, first: int, last: int) -> torch.Tensor:
        """Return all images' patches at some positions, counted row by row: float32 `[P, N, C]`."""
        part = self._store.positions(self._rows(0, len(self)), first, last)
        return part.to(self.device).transpose(0, 1).contiguous()

    def patches(self, indices: torch.Tensor) -> torch.Tensor:
        """Return single patches, float32 `[K, C]`, by index int64 `[K]` into the flattened `[N H W]`."""
        return self._store.patches(self._stored(indices)).to(self.device)

    def map_positions(
        self, work: Callable[[torch.Tensor], Done], *, read: int, each: int
    ) -> Iterator[tuple[slice, Done]]:
        """Do work on all images' patches by blocks of positions, where the features lie.

        Args:
            work: on patches float32 `[P, N, C]`.
            read: positions read at a time.
            each: positions that are worked on at a time.

        Yields:
            Which positions, and what came of them, in order.
        """
        positions = self.shape[1] * self.shape[2]
        edges = [
            start
            for first in range(0, positions, read)
            for start in range(first, min(first + read, positions), each)
        ]
        blocks = list(pairwise([*edges, positions]))
        if isinstance(self._store, Workers):
            done = self._store.map_positions(self._rows(0, len(self)), blocks, work)
            yield from ((slice(*block), found) for block, found in zip(blocks, done, strict=True))
            return
        for first in range(0, positions, read):
            block = self.positions(first, min(first + read, positions))
            parts = map_blocks(work, torch.split(block, each), self.device)
            within = (slice(*block) for block in blocks if first <= block[0] < first + read)
            yield from zip(within, parts, strict=True)

    def map_batches(self, work: Callable[[torch.Tensor, int], Done], size: int) -> Iterator[Done]:
        """Do work on `batches` of images, where the features lie.

        Args:
            work: on images float32 `[n, H, W, C]`, and which of all these images is the first of them.
            size: images at a time.

        Yields:
            What came of each batch, in order.
        """
        if isinstance(self._store, Workers):
            rows = torch.arange(len(self)) if self._images is None else self._images
            yield from self._store.map_images(rows, self._together(size), work)
            return
        first = 0
        for batch in self.batches(size):
            yield work(batch, first)
            first += len(batch)

    def map_patches(
        self, lists: Sequence[torch.Tensor], works: Sequence[Callable[[Reader], Done]]
    ) -> Iterator[Done]:
        """Yield what comes of each work on the patches of its list, in order, done where the features lie.

        Args:
            lists: int64 `[K]` each, which patches, into the flattened `[N H W]`.
            works: each is given what reads the patches of its list.
        """
        if isinstance(self._store, Workers):
            yield from self._store.map_patches([self._stored(each) for each in lists], works)
            return
        for indices, work in zip(lists, works, strict=True):
            yield work(self._reader(indices))

    def spread(
        self, indices: torch.Tensor, unit: int, build: Callable[[Reader, int, int], Part]
    ) -> Group[Part]:
        """Build something from patches where the features lie: in one part here, in several with workers elsewhere.

        Args:
            indices: int64 `[K]`, which patches, into the flattened `[N H W]`.
            unit: all parts but the last are of a multiple of so many patches.
            build: a part from what reads its patches, the place of the first in `indices`, and their number.
        """
        if isinstance(self._store, Workers):
            return self._store.spread(self._stored(indices), unit, build)
        return Here([build(self._reader(indices), 0, len(indices))])

    def _reader(self, indices: torch.Tensor) -> Reader:
        return lambda first, last: self.patches(indices[first:last])

    def _stored(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the store's indices of patches with these, int64 `[K]`."""
        if self._images is None:
            return indices
        _, height, width, _ = self.shape
        images = self._images.to(indices.device)[indices // (height * width)]
        return images * (height * width) + indices % (height * width)

    def _together(self, size: int) -> int:
        return max(1, min(size, _BATCH_BYTES // (4 * int(np.prod(self.shape[1:], dtype=np.int64)))))

    def _rows(self, first: int, last: int) -> Rows:
        return slice(first, last) if self._images is None else self._images[first:last]


@dataclass(frozen=True, slots=True)
class _InMemory:
    """A tensor `[R, H, W, C]`, float32 or float16, on any device."""

    data: torch.Tensor

    @property
    def shape(self) -> tuple[int, int, int, int]:
        images, height, width, channels = self.data.shape
        return images, height, width, channels

    @property
    def resident_bytes(self) -> int:
        return self.data.nbytes

    def images(self, rows: Rows) -> torch.Tensor:
        return self.data[rows].float()

    def positions(self, rows: Rows, first: int, last: int) -> torch.Tensor:
        # The positions first: an index over images copies what it takes, and should take no more than these.
        return self.data.view(len(self.data), -1, self.shape[3])[:, first:last][rows].float()

    def patches(self, indices: torch.Tensor) -> torch.Tensor:
        return self.data.view(-1, self.shape[3]).index_select(0, indices.to(self.data.device)).float()
