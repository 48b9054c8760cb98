"""The adaptive sieve: estimates how contaminated the training images are, and distrusts no more than that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch

from patchsieve.bank import MemoryBank, ReachNeighbours
from patchsieve.decisions.contamination import sift
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.budget import Budget
from patchsieve.detectors.training import require_others
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress
from patchsieve.sieve import LOF, Support, outlier_scores, radii, sieve

# So many defective images may be among the others without anyone noticing from the scores.
_UNNOTICED = 4
# Where these would be a larger share of the training set than this, they are reckoned with.
_NEGLIGIBLE = 0.05
# More defective images than this are another kind of good.
_MOST = 0.35


@dataclass(kw_only=True, eq=False, repr=False)
class AdaptiveSieve(BankDetector):
    """A memory bank that believes what other images show, as far as the training set needs it.

    1. Distances of patches of each training image to the nearest patch of every other image (`sieve.Support`) give
       evidence against each image: the mean, over the worst tenth of its patches, of the distance to the third nearest
       image. Two distributions are fitted to it, of good and of defective images (`decisions`). Where the likelihoods
       leave no doubt that there are defective ones, the contamination c is the share of images that are more likely
       defective than good; else it is 0. A small set cannot show it: c is then what four images are of it, if that is
       more than 5 %.
    2. The share c of the images, chosen by concentration steps, is distrusted: their patches do not enter the bank. Of
       the others' patches the share `tau` with the highest local outlier factors is sieved out, as in SoftPatch. A
       greedy coreset of what stays is the bank.
    3. Each bank patch has a radius r(m): its mean distance to the two nearest trusted images other than its own.
    4. The score of a patch is its smallest reach distance, s(p) = min over m of max(|p - m|, r(m)); the image's is the
       largest. What no other image shows counts as if it had been found, not learnt: a copy of a defect that is in the
       bank has about the score that it would have without.

    Where c is 0 there are no radii and nothing is distrusted: that is PatchCore, to the last digit.

    Attributes:
        contamination: c, where it is known; None to estimate it.
        witnesses: how many other images a radius is the mean distance to; 0 for no radii.
        tau: share of the patches of trusted images that is sieved out by their local outlier factor, as in SoftPatch,
            where there is contamination; 0 for none.
        contamination_: c.
        distrusted_: int64 `[D]` ascending, which training images were not learnt from.
    """

    system: ClassVar[str] = "adaptive"

    contamination: float | None = None
    witnesses: int = 2
    tau: float = 0.15

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        if self.contamination is not None and not 0 <= self.contamination <= _MOST:
            raise ConfigError(
                f"contamination is {self.contamination}: the share of defective training images is from 0 to {_MOST}; "
                "with more, there is no telling which are the good ones"
            )
        if not 0 <= self.tau < 1:
            raise ConfigError(
                f"tau is {self.tau}: the share of patches to sieve out must be at least 0 and below 1"
            )
        if self.witnesses < 0:
            raise ConfigError(f"witnesses is {self.witnesses}: it must be a number of images, 0 for no radii")

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: what the whole set was found to be is not asked again of a part.

        Raises:
            ImagesError: one image alone is left; there is no other.
        """
        require_others(images, total, self.system, "these have to support each other")
        copy = super().for_fewer(images, total)
        return copy.set_params(contamination=self.contamination_)  # type: ignore[no-any-return]

    def model_memory(self, images: int, shape: tuple[int, int, int], budget: Budget) -> tuple[str, int]:  # noqa: ARG002
        """See `Detector.model_memory`."""
        return "distances between images", Support.kept_bytes(images, *shape[:2])

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        trusted = torch.ones(len(features), dtype=torch.bool, device=features.device)
        self.contamination_ = self.contamination or 0.0
        # Two images at least remain, to vouch for each other.
        if self.contamination != 0 and len(features) > 2:
            support = Support.measure(features, seed=self.seed, progress=progress)
            if self.contamination is None:
                self.contamination_ = _contamination(support)
            trusted = support.trusted(min(round(self.contamination_ * len(features)), len(features) - 2))
        self.distrusted_ = (~trusted).nonzero()[:, 0].cpu()
        bank = self.build_bank(features, progress, keep=self._kept(features, trusted, progress))
        if self.contamination_ and self.witnesses:
            owners = bank.origins[:, 0].long()
            weights = radii(features, bank.features, owners, trusted, witnesses=self.witnesses)
            bank = replace(bank, weights=weights)
        self.bank_ = bank

    def _kept(self, features: PatchFeatures, trusted: torch.Tensor, progress: Progress) -> torch.Tensor:
        """Return the patches that may enter the bank, bool `[N, H, W]`."""
        kept = trusted[:, None, None].repeat(1, *features.shape[1:3])
        if self.contamination_ and self.tau:
            rows = trusted.nonzero()[:, 0].cpu().numpy()
            among = LOF(k=min(LOF.k, len(rows) - 1), seed=self.seed)
            kept[trusted] = sieve(outlier_scores(features.take(rows), among, progress=progress), self.tau)
        return kept

    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`: s = min over m of max(|p - m|, r(m)); the image's is the largest."""
        if self.bank_.weights is None:
            return super().score(features)
        patch_scores = self._search().search(features.flatten(0, 2))[0].view(features.shape[:3])
        return patch_scores.flatten(1).amax(dim=1), patch_scores

    def _search(self) -> ReachNeighbours:
        """Return the search of the bank as it is now."""
        made: tuple[MemoryBank, ReachNeighbours] | None = getattr(self, "_made", None)
        if made is None or made[0] is not self.bank_:
            assert self.bank_.weights is not None, "without radii the bank's own index is searched"
            made = self.bank_, ReachNeighbours(self.bank_.index, self.bank_.weights)
            self._made = made
        return made[1]

    def _state(self) -> dict[str, torch.Tensor]:
        return {
            **super()._state(),
            "adaptive.contamination": torch.tensor([self.contamination_], dtype=torch.float64),
            "adaptive.distrusted": self.distrusted_,
        }

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        super()._restore(tensors, device)
        self.contamination_ = float(tensors["adaptive.contamination"])
        self.distrusted_ = tensors["adaptive.distrusted"]


def _contamination(support: Support) -> float:
    """Return the share of images that are rather defective than good; see `AdaptiveSieve`."""
    evidence = support.evidence().double().cpu().numpy()
    sifted = sift(evidence)
    if sifted.decisive and sifted.contamination:
        return float((sifted.weights < 0.5).mean())
    unnoticed = _UNNOTICED / len(evidence)
    return min(unnoticed, _MOST) if unnoticed > _NEGLIGIBLE else 0.0
