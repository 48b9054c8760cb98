"""The memory bank: the patches that stand for normal, and where each came from."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from patchsieve.bank.choice import CoresetChoice
from patchsieve.bank.indexes import Index, IndexChoice
from patchsieve.bank.reach import ReachNeighbours
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
        rejected: float32 `[D, C]`, patches of confirmed defects, which never stand for normal again; None for none.
        index_choice: how it is searched.
        radii: float32 `[M]`, the least distance that each counts as, see `ReachNeighbours`; None for a bank without.
    """

    features: torch.Tensor = field(repr=False)
    weights: torch.Tensor | None = field(repr=False)
    origins: torch.Tensor = field(repr=False)
    rejected: torch.Tensor | None = field(default=None, repr=False)
    index_choice: IndexChoice = field(default_factory=IndexChoice)
    radii: torch.Tensor | None = field(default=None, repr=False)

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
        index_choice: IndexChoice | None = None,
        progress: Progress = SILENT,
    ) -> "MemoryBank":
        """Choose a bank from a training set.

        Args:
            features: `[N, H, W, C]`.
            choice: how to choose.
            keep: bool `[N, H, W]`, the patches that may enter; None for all.
            weights: float32 `[N, H, W]`, soft weights to carry along; None for none.
            index_choice: how it will be searched; None for exactly.
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
            index_choice=index_choice or IndexChoice(),
        )

    @cached_property
    def index(self) -> Index:
        """What finds the nearest of the patches, built when it is first asked for."""
        return self.index_choice.build(self.features)

    @cached_property
    def reach(self) -> ReachNeighbours:
        """What finds the patches with the smallest reach distance; only for a bank with radii."""
        assert self.radii is not None, "without radii the plain index is searched"
        return ReachNeighbours(self.index, self.radii)

    @cached_property
    def spacing(self) -> float:
        """How near two neighbours in the bank usually are: the median distance of a patch to the nearest other.

        In a greedy bank about the radius within which every patch that it was chosen from lies from the bank.
        """
        if len(self) < 2:
            return 0.0
        return float(self.index.search(self.features, k=2)[0][:, 1].median())

    def of_image(self, image: int) -> torch.Tensor:
        """Return the rows of the patches that are from one training image, int64 `[K]`."""
        return (self.origins[:, 0] == image).nonzero()[:, 0]

    def weighted(self, distances: torch.Tensor, nearest: torch.Tensor) -> torch.Tensor:
        """Return distances `[Q]`, times the soft weights of the bank patches `[Q]` that they lead to if it has any."""
        return distances if self.weights is None else distances * self.weights[nearest]

    def take(self, rows: torch.Tensor) -> "MemoryBank":
        """Return a bank of some of the patches: int64 `[K]`, which, or bool `[M]`."""
        rows = rows.to(self.features.device)
        weights, radii = (None if each is None else each[rows] for each in (self.weights, self.radii))
        return replace(
            self, features=self.features[rows], weights=weights, origins=self.origins[rows], radii=radii
        )

    def matching(self, defects: torch.Tensor) -> torch.Tensor:
        """Say of each patch whether it matches a defect, bool `[M]`: whether one of the defect's is within `spacing`.

        Patches so near to each other pass for one another.

        Args:
            defects: float32 `[D, C]`, D >= 1.
        """
        return NearestNeighbours(defects).search(self.features)[0][:, 0] <= self.spacing

    def without(self, defects: torch.Tensor) -> "MemoryBank":
        """Return the bank less what matches defects `[D, C]`, which must not be all, and with the defects in mind."""
        known = [] if self.rejected is None else [self.rejected]
        return replace(self.take(~self.matching(defects)), rejected=torch.cat([*known, defects]))

    def to(self, device: torch.device) -> "MemoryBank":
        """Return the bank on another device."""
        weights, rejected, radii = (
            None if each is None else each.to(device) for each in (self.weights, self.rejected, self.radii)
        )
        return replace(
            self,
            features=self.features.to(device),
            weights=weights,
            origins=self.origins.to(device),
            rejected=rejected,
            radii=radii,
        )
