"""Patch features in a file: what is asked for is read, nothing else of it comes into memory.

The file is read and not mapped into memory. A page that is touched in a mapped file brings its neighbours along, so
that reading one position of every image would make the whole file resident.
"""

import weakref
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from patchsieve.errors import PatchSieveError
from patchsieve.features.placement import Rows

# Between two patches that are wanted, so many that are not are read along: cheaper than another call.
_GAP = 16


class FeatureFile:
    """Rows of features `[R, H, W, C]` in a file, for `PatchFeatures`. Not for several threads at once.

    Args:
        file: nothing but the numbers, one image after the other.
        dtype: of the numbers, ``torch.float32`` or ``torch.float16``.
        shape: (R, H, W, C).
        folder: held for as long as this is, where it goes with the last that reads from it.

    Raises:
        PatchSieveError: the file cannot be opened; on reading, that it ends too early.
    """

    def __init__(
        self, file: Path, dtype: torch.dtype, shape: tuple[int, int, int, int], folder: object = None
    ) -> None:
        self.shape = shape
        self.resident_bytes = 0
        self._file = file
        self._dtype = dtype
        self._folder = folder
        try:
            self._stream = file.open("rb", buffering=0)
        except OSError as error:
            raise PatchSieveError(f"cannot read the features in {file}: {error.strerror}") from error
        weakref.finalize(self, self._stream.close)

    def images(self, rows: Rows) -> torch.Tensor:
        """See `Store.images`."""
        _, height, width, channels = self.shape
        return self.positions(rows, 0, height * width).view(-1, height, width, channels)

    def positions(self, rows: Rows, first: int, last: int) -> torch.Tensor:
        """See `Store.positions`."""
        images, height, width, channels = self.shape
        wanted: Sequence[int] = range(images)[rows] if isinstance(rows, slice) else rows.tolist()
        found = torch.empty(len(wanted), last - first, channels)
        kept = self._buffer(last - first)
        for place, row in enumerate(wanted):
            self._read(row * height * width + first, found[place], kept)
        return found

    def patches(self, indices: torch.Tensor) -> torch.Tensor:
        """See `Store.patches`."""
        _, height, width, channels = self.shape
        order = indices.cpu().sort()
        places = order.values.numpy()
        found = torch.empty(len(places), channels)
        run, kept = torch.empty(height * width, channels), self._buffer(height * width)
        apart = (np.diff(places) > _GAP) | (np.diff(places // (height * width)) > 0)
        edges = [0, *(1 + np.flatnonzero(apart)).tolist(), len(places)]
        for first, last in pairwise(edges):
            if first < last:
                start, count = int(places[first]), int(places[last - 1] - places[first]) + 1
                self._read(start, run[:count], kept)
                found[order.indices[first:last]] = run[order.values[first:last] - start]
        return found

    def _buffer(self, patches: int) -> torch.Tensor | None:
        """Return room for so many patches as they are in the file, None where they need no conversion."""
        return (
            None if self._dtype == torch.float32 else torch.empty(patches, self.shape[3], dtype=self._dtype)
        )

    def _read(self, patch: int, into: torch.Tensor, kept: torch.Tensor | None) -> None:
        """Fill `into` `[n, C]` with the patches from number `patch` on."""
        target = into if kept is None else kept[: len(into)]
        left = target.view(-1).numpy().data.cast("B")
        self._stream.seek(patch * self.shape[3] * target.element_size())
        while left:
            count = self._stream.readinto(left)
            if not count:
                raise PatchSieveError(f"{self._file} has become shorter while it was read; start again")
            left = left[count:]
        if kept is not None:
            into.copy_(target)
