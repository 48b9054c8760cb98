"""What a fit will take, said before it starts: memory per stage, and time from a measured forward pass."""

from dataclasses import dataclass
from time import perf_counter

import psutil
import torch

from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.base import Detector
from patchsieve.features import FeatureExtractor

_FLOAT = 4
# Blocks of positions, queries and images that are worked on at a time, and the libraries themselves.
_WORKING_BYTES = 900 * 2**20


@dataclass(frozen=True, slots=True)
class Plan:
    """The memory and time that a fit is expected to take.

    Attributes:
        images: number of training images.
        shape: (H, W, C) of one embedding.
        bank: number of patches in the memory bank, 0 for a detector without one.
        stages: (what, bytes) at the same time in memory at the fullest moment.
        available: bytes free for the taking now.
        embedding_seconds: time to embed all images, from a forward pass just measured.
    """

    images: int
    shape: tuple[int, int, int]
    bank: int
    stages: tuple[tuple[str, int], ...]
    available: int
    embedding_seconds: float

    @property
    def peak(self) -> int:
        """Bytes at the fullest moment."""
        return sum(size for _, size in self.stages)

    @property
    def fits(self) -> bool:
        """Whether that is less than what is free."""
        return self.peak <= self.available


def plan_fit(detector: Detector, extractor: FeatureExtractor, images: int) -> Plan:
    """Plan the fit of `detector` on a number of images.

    Runs the backbone twice on an empty batch, to measure it.
    """
    height, width, channels = extractor.shape()
    patches = images * height * width
    stages = [("embeddings", patches * channels * _FLOAT)]
    bank = 0
    if isinstance(detector, BankDetector):
        kept = int(patches * (1 - float(getattr(detector, "tau", 0.0))))
        bank = max(1, int(kept * detector.coreset_ratio))
        projected = min(channels, detector.projection_dims)
        stages.append(("candidate patches", kept * channels * _FLOAT))
        stages.append(("their projection and distances", kept * (2 * projected + 2) * _FLOAT))
        stages.append(("memory bank", 2 * bank * channels * _FLOAT))
    stages.append(("working memory", _WORKING_BYTES))
    return Plan(
        images=images,
        shape=(height, width, channels),
        bank=bank,
        stages=tuple(stages),
        available=psutil.virtual_memory().available,
        embedding_seconds=images * _seconds_per_image(extractor, min(images, extractor.batch_size)),
    )


def _seconds_per_image(extractor: FeatureExtractor, batch_size: int) -> float:
    batch = torch.zeros(batch_size, 3, *extractor.preprocessing.frame)
    extractor.forward(batch)
    started = perf_counter()
    extractor.forward(batch)
    return (perf_counter() - started) / batch_size
