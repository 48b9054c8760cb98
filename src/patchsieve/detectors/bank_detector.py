"""What the detectors with a memory bank have in common."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Self

import torch

from patchsieve.bank import CoresetChoice, MemoryBank
from patchsieve.detectors.base import Detector
from patchsieve.features import PatchFeatures
from patchsieve.progress import Progress


@dataclass(kw_only=True, eq=False, repr=False)
class BankDetector(Detector, ABC):
    """A detector that scores a patch by its distance to the nearest patch of a memory bank.

    Attributes:
        coreset: ``greedy`` (k-center) or ``random``.
        coreset_ratio: share of the candidate patches that enters the bank.
        bank_size: the most patches that enter it; None for no limit but the ratio, as in the papers.
        projection_dims: dimensions of the random projection on which greedy distances are measured.
        bank_: the memory bank.
    """

    coreset: str = "greedy"
    coreset_ratio: float = 0.1
    bank_size: int | None = 10_000
    projection_dims: int = 128

    def coreset_choice(self, memory: int | None = None) -> CoresetChoice:
        """Return how the bank's patches are chosen.

        Args:
            memory: bytes that choosing may take; None for no limit.

        Raises:
            ConfigError: the settings cannot work.
        """
        return CoresetChoice(
            method=self.coreset,
            ratio=self.coreset_ratio,
            size=self.bank_size,
            projection_dims=self.projection_dims,
            seed=self.seed,
            memory=memory,
        )

    def build_bank(
        self,
        features: PatchFeatures,
        progress: Progress,
        *,
        keep: torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
    ) -> MemoryBank:
        """Choose the bank within the memory budget; see `MemoryBank.build`."""
        choice = self.coreset_choice(self.budget(features.device).for_coreset(features))
        return MemoryBank.build(features, choice, keep=keep, weights=weights, progress=progress)

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        self.coreset_choice()

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: the cap on the bank shrinks with the images: no denser than the whole."""
        copy = super().for_fewer(images, total)
        if self.bank_size is not None:
            copy.set_params(bank_size=ceil(self.bank_size * images / total))
        return copy

    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`: s = W(m*) |p - m*|_2 with m* the nearest bank patch; the image's is the largest."""
        batch, height, width, channels = features.shape
        distances, nearest = self.bank_.index.search(features.reshape(-1, channels))
        scores = distances[:, 0]
        if self.bank_.weights is not None:
            scores = scores * self.bank_.weights[nearest[:, 0]]
        patch_scores = scores.view(batch, height, width)
        return patch_scores.flatten(1).amax(dim=1), patch_scores

    def _state(self) -> dict[str, torch.Tensor]:
        bank = self.bank_
        weights = {} if bank.weights is None else {"bank.weights": bank.weights}
        return {"bank.features": bank.features, "bank.origins": bank.origins, **weights}

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        bank = MemoryBank(tensors["bank.features"], tensors.get("bank.weights"), tensors["bank.origins"])
        self.bank_ = bank.to(device)
