"""Batches of images on their way through the backbones."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch

from patchsieve.errors import BrokenImageError
from patchsieve.features.embeddings import Embeddings, as_rows
from patchsieve.images.appearance import Appearance
from patchsieve.images.collection import ImageRecord, ImageSet, Skipped

if TYPE_CHECKING:
    from patchsieve.features.extraction import FeatureExtractor


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image on its way to the backbones.

    Attributes:
        inputs: what each extractor's backbone takes, float32 `[3, h, w]`.
        size: (height, width) of the image as decoded, in pixels.
        appearance: its figures, float32 `[S]`; None where they are not wanted.
    """

    inputs: tuple[torch.Tensor, ...]
    size: tuple[int, int]
    appearance: Appearance | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch on its way through the backbones.

    Attributes:
        extractor: whose.
        ready: its images that could be decoded.
        skipped: the others.
        features: waits for those of each extractor.
        seconds: what starting it took.
        failure: an image that was not to be broken; it is raised when the batch has its turn.
    """

    extractor: "FeatureExtractor"
    ready: list[tuple[ImageRecord, Decoded]]
    skipped: tuple[Skipped, ...]
    features: list[Callable[[], torch.Tensor]]
    seconds: float
    failure: BrokenImageError | None = None

    @classmethod
    def started(
        cls,
        extractor: "FeatureExtractor",
        taken: list[tuple[ImageRecord, Future[Decoded]]],
        strict: bool,
        *,
        aside: bool,
    ) -> "Batch":
        """Wait for images to be decoded and start their forward pass; see `start_blocks` for `aside`."""
        started = perf_counter()
        ready: list[tuple[ImageRecord, Decoded]] = []
        skipped: list[Skipped] = []
        for record, future in taken:
            try:
                ready.append((record, future.result()))
            except BrokenImageError as error:
                if strict:
                    return cls(extractor, [], (), [], 0.0, error)
                skipped.append(Skipped(record.name, error.reason))
        features = [
            each.start(_stacked([decoded.inputs[number] for _, decoded in ready]), aside=aside)
            for number, each in enumerate((extractor, *extractor.others))
            if ready
        ]
        # What goes in is with those who work on it: large images are not to be held longer than they need them.
        ready = [(record, replace(decoded, inputs=())) for record, decoded in ready]
        return cls(extractor, ready, tuple(skipped), features, perf_counter() - started)

    @property
    def taken(self) -> int:
        """Of how many images it was made."""
        return len(self.ready) + len(self.skipped)

    def embeddings(self, images: ImageSet, measure: bool) -> Embeddings:
        """Wait for the features, of some of `images`. Raises `BrokenImageError` where there is a failure."""
        if self.failure is not None:
            raise self.failure
        started = perf_counter()
        extractor = self.extractor
        kinds = [features() for features in self.features] or [
            torch.empty(0, *each.shape) for each in (extractor, *extractor.others)
        ]
        share = (self.seconds + perf_counter() - started) / max(1, len(self.ready))
        return Embeddings(
            features=extractor.together(kinds),
            images=images.with_records([record for record, _ in self.ready]),
            sizes=np.array([decoded.size for _, decoded in self.ready], dtype=np.int64).reshape(-1, 2),
            seconds=np.full(len(self.ready), share),
            skipped=self.skipped,
            extractor=extractor,
            appearance=as_rows([decoded.appearance for _, decoded in self.ready]) if measure else None,
        )


def _stacked(inputs: list[torch.Tensor]) -> torch.Tensor:
    """Return `[B, 3, h, w]`; of one alone it is no copy."""
    return inputs[0][None] if len(inputs) == 1 else torch.stack(inputs)
