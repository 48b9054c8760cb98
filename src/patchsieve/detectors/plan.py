"""What a fit will take, said before it starts: memory per stage, and time from a measured forward pass."""

from dataclasses import dataclass
from time import perf_counter

import psutil
import torch

from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.base import Detector
from patchsieve.detectors.budget import FIXED_BYTES, PATCH_BYTES
from patchsieve.features import FeatureExtractor, Tiling

_FLOAT = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """The memory and time that a fit is expected to take.

    Attributes:
        images: number of training images.
        shape: (H, W, C) of one embedding.
        bank: number of patches in the memory bank, 0 for a detector without one.
        shards: into how many parts choosing the bank is split; 1 is the exact greedy selection.
        embedding_bytes: what the features take as float32.
        in_memory: whether they stay in memory; else they are read from a file.
        stages: (what, bytes) at the same time in memory at the fullest moment.
        budget: bytes that the fit may take.
        available: bytes free for the taking now.
        embedding_seconds: time to embed all images, from a forward pass just measured.
        tiling: where the tiles of an image lie; None where images go through the backbone whole.
    """

    images: int
    shape: tuple[int, int, int]
    bank: int
    shards: int
    embedding_bytes: int
    in_memory: bool
    stages: tuple[tuple[str, int], ...]
    budget: int
    available: int
    embedding_seconds: float
    tiling: Tiling | None

    @property
    def peak(self) -> int:
        """Bytes at the fullest moment."""
        return sum(size for _, size in self.stages)

    @property
    def fits(self) -> bool:
        """Whether that is within the budget, and less than what is free."""
        return self.peak <= min(self.budget, self.available)


def plan_fit(detector: Detector, extractor: FeatureExtractor, images: int) -> Plan:
    """Plan the fit of `detector` on a number of images.

    Runs the backbone twice on an empty batch, to measure it.
    """
    shapes = [part.shape for part in extractor.parts]
    shape = shapes[0]
    budget = detector.budget(extractor.device)
    patches = images * sum(height * width for height, width, _ in shapes)
    embedding_bytes = images * extractor.image_bytes
    in_memory = budget.keeps(embedding_bytes)
    resident = embedding_bytes if in_memory else 0
    stages = [
        # Half of what is fixed is for images on their way; large ones take more.
        ("libraries and working memory", FIXED_BYTES + max(0, extractor.working_bytes - FIXED_BYTES // 2)),
        ("embeddings", resident),
        ("outlier scores and maps", PATCH_BYTES * patches),
    ]
    bank, shards, choosing, bank_bytes = 0, 1, 0, 0
    for part, learnt, (height, width, channels) in detector.planned(images, shapes):
        if isinstance(part, BankDetector):
            candidates = learnt * height * width
            kept = candidates - int(candidates * float(getattr(part, "tau", 0.0)))
            choice = part.coreset_choice(budget.left(patches, resident))
            count = choice.count(kept)
            bank += count
            shards = max(shards, choice.shards(kept, channels, extractor.device))
            # Of several banks one is chosen after the other.
            choosing = max(choosing, choice.working_bytes(kept, channels, extractor.device))
            # The bank itself and what its search index keeps of it.
            bank_bytes += 4 * count * channels * _FLOAT
        stages.append(part.model_memory(learnt, (height, width, channels), budget))
    stages += [("choosing the memory bank", choosing), ("memory bank", bank_bytes)]
    return Plan(
        images=images,
        shape=shape,
        bank=bank,
        shards=shards,
        embedding_bytes=embedding_bytes,
        in_memory=in_memory,
        stages=tuple(stages),
        budget=budget.total,
        available=psutil.virtual_memory().available,
        embedding_seconds=images * _seconds_per_image(extractor, images),
        tiling=extractor.tiling,
    )


def _seconds_per_image(extractor: FeatureExtractor, images: int) -> float:
    return sum(_forward_seconds(part, min(images, part.images_at_once)) for part in extractor.parts)


def _forward_seconds(extractor: FeatureExtractor, batch_size: int) -> float:
    batch = torch.zeros(batch_size, 3, *extractor.preprocessing.frame)
    extractor.forward(batch)
    started = perf_counter()
    extractor.forward(batch)
    return (perf_counter() - started) / batch_size
