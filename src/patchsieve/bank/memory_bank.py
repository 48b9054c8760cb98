"""The memory bank: the patches that stand for normal, and where each came from."""

from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.random_projection import GaussianRandomProjection

from patchsieve.bank.coreset import greedy_coreset, random_coreset
from patchsieve.bank.search import NearestNeighbours
from patchsieve.errors import ConfigError
from patchsieve.progress import SILENT, Progress

CORESETS = ("greedy", "random")


@dataclass(frozen=True)
class CoresetChoice:
    """How the patches of the bank are chosen.

    Attributes:
        method: ``greedy`` (k-center) or ``random``.
        ratio: share of the candidate patches that enters the bank, 0 < ratio <= 1.
        projection_dims: greedy distances are measured on a Johnson-Lindenstrauss projection to this many
            dimensions where the features have more (PatchCore, section 3.2; the reference code uses 128).
        seed: of the projection, the first pick and the random choice.
    """

    method: str = "greedy"
    ratio: float = 0.1
    projection_dims: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in CORESETS:
            raise ConfigError(f"there is no coreset {self.method!r}; choose one of {', '.join(CORESETS)}")
        if not 0 < self.ratio <= 1:
            raise ConfigError(f"coreset_ratio is {self.ratio}: it must be above 0 and at most 1")
        if self.projection_dims < 1:
            raise ConfigError(f"projection_dims is {self.projection_dims}: it must be at least 1")

    def select(self, points: torch.Tensor, *, progress: Progress = SILENT) -> torch.Tensor:
        """Return int64 `[K]` indices into `points`, float32 `[N, C]`; at least one."""
        count = max(1, int(self.ratio * len(points)))
        if self.method == "random":
            return torch.from_numpy(random_coreset(len(points), count, seed=self.seed)).to(points.device)
        start = int(np.random.default_rng(self.seed).integers(len(points)))
        picks = greedy_coreset(self._project(points), count, start=start, progress=progress)
        return torch.from_numpy(picks).to(points.device)

    def _project(self, points: torch.Tensor) -> torch.Tensor:
        channels = points.shape[1]
        if channels <= self.projection_dims:
            return points
        projection = GaussianRandomProjection(self.projection_dims, random_state=self.seed)
        projection.fit(np.zeros((1, channels), dtype=np.float32))
        return points @ torch.from_numpy(projection.components_.T).to(points)


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
        features: torch.Tensor,
        choice: CoresetChoice,
        *,
        keep: torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
        progress: Progress = SILENT,
    ) -> "MemoryBank":
        """Choose a bank from a training set.

        Args:
            features: float32 `[N, H, W, C]`.
            choice: how to choose.
            keep: bool `[N, H, W]`, the patches that may enter; None for all.
            weights: float32 `[N, H, W]`, soft weights to carry along; None for none.
            progress: of the selection.
        """
        images, height, width, channels = features.shape
        patches = features.reshape(-1, channels)
        candidates = (
            torch.arange(len(patches), device=features.device)
            if keep is None
            else keep.flatten().nonzero(as_tuple=True)[0]
        )
        points = patches if keep is None else patches[candidates]
        chosen = candidates[choice.select(points, progress=progress)]
        origins = torch.stack(torch.unravel_index(chosen, (images, height, width)), dim=1)
        return cls(
            features=patches[chosen],
            weights=None if weights is None else weights.flatten()[chosen],
            origins=origins.to(torch.int32),
        )

    def to(self, device: torch.device) -> "MemoryBank":
        """Return the bank on another device."""
        weights = None if self.weights is None else self.weights.to(device)
        return MemoryBank(self.features.to(device), weights, self.origins.to(device))
