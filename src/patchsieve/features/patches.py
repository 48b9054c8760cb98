"""The patch features of a set of images, in memory or in a file, read a part at a time."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch


class PatchFeatures:
    """Patch features `[N, H, W, C]` that are read by images, by positions or patch by patch, as float32.

    What lies behind may be a tensor in memory or a file mapped into it, float32 or float16, and may hold more images
    than these. So a set larger than the memory can be worked on, and a part of the images is taken without a copy.

    Attributes:
        device: where what is read lies.

    Args:
        data: float32 or float16 `[R, H, W, C]`, R >= N.
        images: int64 `[N]`, which of the R images these are; None for all.
        device: where what is read is wanted; None for where the data are.
        release: where a mapped file lies behind: called after each reading, to give back the pages read through.
    """

    def __init__(
        self,
        data: torch.Tensor,
        images: npt.NDArray[np.int64] | None = None,
        *,
        device: torch.device | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self._data = data
        self.device = device or data.device
        self._images = None if images is None else torch.from_numpy(np.asarray(images, dtype=np.int64))
        self._release = release

    def __len__(self) -> int:
        return len(self._data) if self._images is None else len(self._images)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)."""
        _, height, width, channels = self._data.shape
        return len(self), height, width, channels

    @property
    def nbytes(self) -> int:
        """Bytes that all of them take as float32."""
        return 4 * int(np.prod(self.shape, dtype=np.int64))

    @property
    def resident_bytes(self) -> int:
        """Bytes that they take in memory as they are: none where they lie in a file."""
        return 0 if self._release else self._data.nbytes

    def take(self, images: npt.NDArray[np.int64]) -> "PatchFeatures":
        """Return some of the images, int64 `[n]`, in that order; nothing is copied."""
        chosen = np.asarray(images, dtype=np.int64)
        rows = chosen if self._images is None else self._images.numpy()[chosen]
        return PatchFeatures(self._data, rows, device=self.device, release=self._release)

    def tensor(self) -> torch.Tensor:
        """Return all of them, float32 `[N, H, W, C]`: what lies behind, not a copy, where it is just that."""
        return self.images(0, len(self))

    def images(self, first: int, last: int) -> torch.Tensor:
        """Return the images from `first` to before `last`, float32 `[n, H, W, C]`."""
        return self._read(self._data[self._rows(first, last)])

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Yield float32 `[n, H, W, C]`, `size` images at a time."""
        for first in range(0, len(self), size):
            yield self.images(first, min(first + size, len(self)))

    def positions(self, first: int, last: int) -> torch.Tensor:
        """Return all images' patches at some positions, counted row by row: float32 `[P, N, C]`."""
        flat = self._data.view(len(self._data), -1, self._data.shape[3])
        # The positions first: an index over images copies what it takes, and should take no more than these.
        part = flat[:, first:last][self._rows(0, len(self))]
        return self._read(part.transpose(0, 1).contiguous())

    def patches(self, indices: torch.Tensor) -> torch.Tensor:
        """Return single patches, float32 `[K, C]`, by index int64 `[K]` into the flattened `[N H W]`."""
        _, height, width, channels = self.shape
        indices = indices.to(self._data.device)
        if self._images is not None:
            images = self._images.to(indices.device)[indices // (height * width)]
            indices = images * (height * width) + indices % (height * width)
        return self._read(self._data.view(-1, channels).index_select(0, indices))

    def _rows(self, first: int, last: int) -> slice | torch.Tensor:
        return slice(first, last) if self._images is None else self._images[first:last]

    def _read(self, part: torch.Tensor) -> torch.Tensor:
        read = part.to(self.device, torch.float32)
        if self._release:
            self._release()
        return read
