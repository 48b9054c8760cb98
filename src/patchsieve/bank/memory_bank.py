"""The memory bank: the patches that stand for normal, and where each came from."""

from dataclasses import dataclass, field

import torch

from patchsieve.bank.choice import CoresetChoice
from patchsieve.bank.search import NearestNeighbours
from patchsieve.features.patches import PatchFeatures
from patchsieve.progress import SILENT, Progress


@dataclass(frozen=True)
class MemoryBank:
    """Patches that stand for normal.

    Attributes:
        features: float32 `[M, C]`.
        weights: soft weights, float32 `[M]`; None for a bank without.
        origins: int32 `[M, 3]`, (image, row, column) of each patch in the training set.
    """

    features: torch.Tensor = field(repr=False)
    weights: torch.Tensor | None = field(repr=False)
    origins: torch.Tensor = field(repr=False)
    index: NearestNeighbours = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", NearestNeighbours(self.features))

    def __len__(self) -> int:
        return len(self.features)

    @classmethod
    def build(
        cls,
        features: PatchFeatures,
        choice: CoresetChoice,
        *,
        keep: torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
        progress: Progress = SILENT,
    ) -> "MemoryBank":
        """Choose a bank from a training set.

        Args:
            features: `[N, H, W, C]`.
            choice: how to choose.
            keep: bool `[N, H, W]`, the patches that may enter; None for all.
            weights: float32 `[N, H, W]`, soft weights to carry along; None for none.
            progress: of the selection.
        """
        images, height, width, _ = features.shape
        candidates = (
            torch.arange(images * height * width, device=features.device)
            if keep is None
            else keep.flatten().nonzero(as_tuple=True)[0]
        )
        chosen = choice.select(features, candidates, progress=progress)
        origins = torch.stack(torch.unravel_index(chosen, (images, height, width)), dim=1)
        return cls(
            features=features.patches(chosen),
            weights=None if weights is None else weights.flatten()[chosen],
            origins=origins.to(torch.int32),
        )

    def to(self, device: torch.device) -> "MemoryBank":
        """Return the bank on another device."""
        weights = None if self.weights is None else self.weights.to(device)
        return MemoryBank(self.features.to(device), weights, self.origins.to(device))
