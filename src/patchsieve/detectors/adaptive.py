"""The adaptive sieve: estimates how contaminated the training images are, and distrusts no more than that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.bank import ReachNeighbours
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.budget import Budget
from patchsieve.detectors.suspicion import FEW, MOST, suspect
from patchsieve.detectors.training import require_others
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress
from patchsieve.sieve import LOF, Support, Witnesses, outlier_scores

# The share of a coarse map that an image's score is the mean of; of a finer one it is less.
_WORST = 0.01
# Among so many neighbours a patch has to be ordinary.
_NEIGHBOURS = (6, 12)
# Radii in doubt, in units of those where contamination is found: these cost clean images next to nothing. Of few
# images, of which one alone says less, whole ones cost little and help more.
_IN_DOUBT = 0.8


@dataclass(kw_only=True, eq=False, repr=False)
class AdaptiveSieve(BankDetector):
    """A memory bank that believes what other images show, as far as the training set needs it.

    1. Distances of patches of each training image to the nearest patch of every other image (`sieve.Support`) give
       evidence against each image: the mean, over the worst tenth of its patches, of the distance to the third nearest
       image, and to the eighth. W is the local outlier factor of a patch at its position, as in SoftPatch, but the
       larger of those among 6 and among 12 neighbours: a defect whose like is in a few other images is ordinary among
       these. The mean of the worst twentieth of W is evidence, too. Two distributions are fitted to each, of good and
       of defective images (`decisions`). Where the likelihoods together leave no doubt that there are defective ones
       (`suspicion`), the images that are more likely defective than good are distrusted: as many as the third nearest
       images say, chosen by concentration steps, and those that W names.
    2. Patches of distrusted images do not enter the bank. A greedy coreset of the others is the bank. The
       contamination c is the share of images that are distrusted.
    3. Each bank patch has a radius r(m): its mean distance to the two nearest trusted images other than its own.
    4. The score of a patch is its smallest reach distance, max(|p - m|, r(m)), times W(m); the image's is the mean of
       the highest `worst_patches`, no more than 1 % of them. What no other image shows counts as if it had been found,
       not learnt: a copy of a defect that is in the bank has about the score that it would have without.

    Where c is 0 nothing is distrusted, and there are neither radii nor weights: the map is PatchCore's, to the last
    digit. But where defective images are neither certain nor excluded, as they never are with fewer than 200, there
    are radii as a precaution, unless c is given: 0.8 r(m), and r(m) with fewer than 80.

    Attributes:
        contamination: c, where it is known; None to estimate it.
        witnesses: how many other images a radius is the mean distance to; 0 for no radii.
        soft_weights: whether local outlier factors weight the scores, where contamination is found or given.
        worst_patches: how many of an image's patches its score is the mean of, at most; no more than 1 % of them. 1 for
            the highest alone, as in PatchCore.
        contamination_: c.
        distrusted_: int64 `[D]` ascending, which training images were not learnt from.
    """

    system: ClassVar[str] = "adaptive"

    contamination: float | None = None
    witnesses: int = 2
    soft_weights: bool = True
    worst_patches: int = 3

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        if self.contamination is not None and not 0 <= self.contamination <= MOST:
            raise ConfigError(
                f"contamination is {self.contamination}: the share of defective training images is from 0 to {MOST}; "
                "with more, there is no telling which are the good ones"
            )
        if self.witnesses < 0:
            raise ConfigError(f"witnesses is {self.witnesses}: it must be a number of images, 0 for no radii")
        if self.worst_patches < 1:
            raise ConfigError(
                f"worst_patches is {self.worst_patches}: an image's score takes 1 patch at least"
            )

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: what the whole set was found to be is not asked again of a part.

        Raises:
            ImagesError: one image alone is left; there is no other.
        """
        require_others(images, total, self.system, "these have to support each other")
        copy = super().for_fewer(images, total)
        # What has radii though nothing was found is too small to be sure; so are its parts.
        unsure = self.bank_.radii is not None and not self.contamination_
        copy.set_params(contamination=None if unsure else self.contamination_)
        return copy

    def model_memory(self, images: int, shape: tuple[int, int, int], budget: Budget) -> tuple[str, int]:  # noqa: ARG002
        """See `Detector.model_memory`."""
        return "distances between images", Support.kept_bytes(images, *shape[:2])

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        count = len(features)
        trusted = torch.ones(count, dtype=torch.bool, device=features.device)
        factors, certain = None, True
        # Two images at least remain, to vouch for each other.
        if self.contamination != 0 and count > 2:
            support = Support.measure(features, seed=self.seed, progress=progress)
            if self.contamination is None:
                factors = self._outlier_factors(features, progress) if count > max(_NEIGHBOURS) else None
                suspicion = suspect(support, factors)
                trusted, certain = ~suspicion.distrusted, suspicion.certain
            else:
                trusted = support.trusted(min(round(self.contamination * count), count - 2))
        self.contamination_ = self.contamination or float((~trusted).double().mean())
        self.distrusted_ = (~trusted).nonzero()[:, 0].cpu()
        self._doubted = (~trusted).cpu().numpy() if certain else None
        weights = None
        if self.contamination_ and self.soft_weights:
            weights = self._outlier_factors(features, progress) if factors is None else factors
        keep = trusted[:, None, None].expand(features.shape[:3])
        self.bank_ = self.build_bank(features, progress, keep=keep, weights=weights)
        if self.witnesses and (self.contamination_ or not certain):
            owners = self.bank_.origins[:, 0].long()
            self._witnesses = Witnesses.measure(
                features,
                self.bank_.features,
                owners,
                trusted,
                count=self.witnesses,
                scale=1.0 if self.contamination_ or count < FEW else _IN_DOUBT,
            )
            self.bank_ = replace(self.bank_, radii=self._witnesses.radii)

    @property
    def dropped_images(self) -> tuple[str, ...]:
        """See `Detector.dropped_images`: the distrusted ones, by their scores."""
        names, scores = self.training_.images.names, self.training_.scores
        order = sorted(self.distrusted_.tolist(), key=lambda image: -scores[image])
        return tuple(names[image] for image in order)

    @property
    def why_dropped(self) -> str:
        """See `Detector.why_dropped`."""
        return "not learnt from, since they look defective"

    @property
    def finding(self) -> str:
        """See `Detector.finding`."""
        if self.contamination is not None or self.contamination_:
            return ""
        if self.bank_.radii is None:
            return "no contamination is evident: all images were learnt from"
        return (
            "it is not certain that all images are good: all were learnt from, but less is believed of what one of "
            "them alone shows"
        )

    def doubted(self) -> npt.NDArray[np.bool_] | None:
        """See `Detector.doubted`."""
        return self._doubted

    def score_unseen(self, features: torch.Tensor, image: int) -> tuple[torch.Tensor, torch.Tensor]:
        """See `BankDetector.score_unseen`; what the image vouched for counts as if it had not."""
        if self.bank_.radii is None:
            return super().score_unseen(features, image)
        reach = self.bank_.reach.without(self.bank_.of_image(image), self._witnesses.radii_without(image))
        return self._scored_by_reach(features, reach)

    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`: s = W(m*) max(|p - m*|, r(m*)), where m* has the smallest maximum."""
        if self.bank_.radii is None:
            return super().score(features)
        return self._scored_by_reach(features, self.bank_.reach)

    def _scored_by_reach(
        self, features: torch.Tensor, reach: ReachNeighbours
    ) -> tuple[torch.Tensor, torch.Tensor]:
        scores, reached = reach.search(features.flatten(0, 2))
        patch_scores = self.bank_.weighted(scores, reached).view(features.shape[:3])
        return self.image_scores(patch_scores), patch_scores

    def image_scores(self, patch_scores: torch.Tensor) -> torch.Tensor:
        """See `BankDetector.image_scores`: the mean of the highest, which chance moves less than the highest alone."""
        flat = patch_scores.flatten(1)
        return flat.topk(self.averaged(flat.shape[1]), dim=1).values.mean(dim=1)

    def averaged(self, patches: int) -> int:
        """Return how many of so many patches an image's score is the mean of."""
        return max(1, min(self.worst_patches, round(_WORST * patches)))

    def _outlier_factors(self, features: PatchFeatures, progress: Progress) -> torch.Tensor:
        """Return the larger local outlier factor of each patch among few and among many neighbours, `[N, H, W]`."""
        fewer, many = (min(k, len(features) - 1) for k in _NEIGHBOURS)
        return outlier_scores(features, LOF(k=many, also=(fewer,), seed=self.seed), progress=progress)

    def _state(self) -> dict[str, torch.Tensor]:
        return {
            **super()._state(),
            "adaptive.contamination": torch.tensor([self.contamination_], dtype=torch.float64),
            "adaptive.distrusted": self.distrusted_,
        }

    @classmethod
    def restored(
        cls, path: Path | str, tensors: Mapping[str, torch.Tensor], kept: Mapping[str, Any], *, device: str
    ) -> Self:
        """See `Detector.restored`. The threshold of an older file is one of largest patch scores: so are its scores."""
        config = {"worst_patches": 1, **kept["config"]}
        return super().restored(path, tensors, {**kept, "config": config}, device=device)

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        super()._restore(tensors, device)
        self.contamination_ = float(tensors["adaptive.contamination"])
        self.distrusted_ = tensors["adaptive.distrusted"]
