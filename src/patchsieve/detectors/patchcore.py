"""PatchCore: a memory bank of normal patches that trusts every training image."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress


@dataclass(kw_only=True, eq=False, repr=False)
class PatchCore(BankDetector):
    """PatchCore (Roth et al., CVPR 2022, arXiv 2106.08265).

    A coreset of all training patches is the memory bank; a patch's score is its distance to the nearest bank
    patch and an image's score is its largest patch score. With `reweight_neighbours` = b, the image score is
    multiplied by 1 - softmax: how much the nearest bank patch m* itself is isolated among its own b nearest
    bank patches, seen from the test patch p (equation 7):

        w = 1 - exp(|p - m*|) / sum over m in N_b(m*) of exp(|p - m|)

    computed as a softmax, so that large distances do not overflow. N_b(m*) contains m*.

    Attributes:
        reweight_neighbours: b; 0 for none, as in SoftPatch; the paper re-weights, commonly with 9.
    """

    system: ClassVar[str] = "patchcore"

    reweight_neighbours: int = 0

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        if self.reweight_neighbours < 0 or self.reweight_neighbours == 1:
            raise ConfigError(
                f"reweight_neighbours is {self.reweight_neighbours}: use 0 for none, or at least 2; "
                "with 1 every image score would be zero"
            )

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        self.bank_ = self.build_bank(features, progress)

    def scored(
        self, features: torch.Tensor, unseen: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `BankDetector.scored`."""
        image_scores, patch_scores = super().scored(features, unseen)
        # A bank of one patch has no neighbourhood to be isolated in.
        if self.reweight_neighbours and len(self.bank_) > 1:
            image_scores = image_scores * self._weights(features, patch_scores, unseen)
        return image_scores, patch_scores

    def _weights(
        self, features: torch.Tensor, patch_scores: torch.Tensor, unseen: torch.Tensor | None
    ) -> torch.Tensor:
        patches = features.flatten(1, 2)
        worst = patches[
            torch.arange(len(patches), device=patches.device), patch_scores.flatten(1).argmax(dim=1)
        ]
        index = self.bank_.index if unseen is None else self.bank_.index.without(unseen)
        seen = len(index.points) - (0 if unseen is None else len(unseen))
        nearest = index.search(worst)[1][:, 0]
        around = index.search(index.points[nearest], k=min(self.reweight_neighbours, seen))[1]
        distances = torch.linalg.vector_norm(worst[:, None] - index.points[around], dim=2)
        own = torch.linalg.vector_norm(worst - index.points[nearest], dim=1)
        share = torch.exp(own - torch.logsumexp(distances, dim=1))
        return 1.0 - share
