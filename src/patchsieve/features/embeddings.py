"""The patch features of a set of images, with what is known of each image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.errors import ImagesError
from patchsieve.features.patches import PatchFeatures
from patchsieve.images.appearance import STATISTICS, Appearance
from patchsieve.images.collection import ImageSet, Skipped

if TYPE_CHECKING:
    from patchsieve.features.extraction import FeatureExtractor


@dataclass(frozen=True)
class Embeddings:
    """The patch features of a set of images; one extraction serves any number of detectors.

    Attributes:
        features: `[N, H, W, C]`.
        images: the N images, in order.
        sizes: int64 `[N, 2]`, (height, width) of each image as decoded, in pixels.
        seconds: float64 `[N]`, each image's share of the time that its batch was waited for, decoding included.
        skipped: images that could not be decoded.
        extractor: what made them, and can make more like them.
        appearance: float32 `[N, S]`, the figures of `patchsieve.images.STATISTICS`; None where they were not measured.
        hashes: SHA-256 of each image's content; None where the files were not read for it.
    """

    features: PatchFeatures = field(repr=False)
    images: ImageSet = field(repr=False)
    sizes: npt.NDArray[np.int64] = field(repr=False)
    seconds: npt.NDArray[np.float64] = field(repr=False)
    skipped: tuple[Skipped, ...]
    extractor: "FeatureExtractor" = field(repr=False)
    appearance: Appearance | None = field(default=None, repr=False)
    hashes: tuple[str, ...] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.features)

    def take(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> "Embeddings":
        """Return the embeddings of some of the images, in the order of `indices`."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            features=self.features.take(chosen),
            images=self.images.with_records([self.images[int(index)] for index in chosen]),
            sizes=self.sizes[chosen],
            seconds=self.seconds[chosen],
            appearance=None if self.appearance is None else self.appearance[chosen],
            hashes=None if self.hashes is None else tuple(self.hashes[int(index)] for index in chosen),
        )

    def joined(self, more: "Embeddings") -> "Embeddings":
        """Return these and behind them the embeddings of more images by the same extractor, all in memory."""
        pairs = zip(
            (self.features, *self.features.others), (more.features, *more.features.others), strict=True
        )
        figures = [each.appearance for each in (self, more) if each.appearance is not None]
        return replace(
            self,
            features=self.extractor.together(
                [torch.cat([one.tensor(), other.tensor()]) for one, other in pairs]
            ),
            images=self.images.with_records([*self.images, *more.images]),
            sizes=np.concatenate([self.sizes, more.sizes]),
            seconds=np.concatenate([self.seconds, more.seconds]),
            skipped=(*self.skipped, *more.skipped),
            appearance=np.concatenate(figures) if len(figures) == 2 else None,
            hashes=self.hashes + more.hashes if self.hashes and more.hashes else None,
        )

    def batches(self, size: int) -> "Iterator[Embeddings]":
        """Yield the embeddings of `size` images at a time; the first batch names those that were skipped."""
        for first in range(0, len(self), size):
            batch = self.take(np.arange(first, min(first + size, len(self))))
            yield batch if first == 0 else replace(batch, skipped=())


def none_decoded(images: ImageSet, skipped: Sequence[Skipped]) -> ImagesError:
    """Return the error that all of these images were skipped."""
    first = skipped[0]
    return ImagesError(
        f"none of the {len(images)} images could be decoded; the first: {first.name}: {first.reason}"
    )


def as_rows(measured: Sequence[Appearance | None]) -> Appearance:
    """Return the figures of several images as float32 `[N, S]`, also of none."""
    return np.array(measured, dtype=np.float32).reshape(-1, len(STATISTICS))
