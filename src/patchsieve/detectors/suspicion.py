"""Whether there are defective images among the training images, and which: what several views say together."""

from dataclasses import dataclass

import torch

from patchsieve.decisions.contamination import SIGNIFICANT, Sifted, sift
from patchsieve.sieve import Support

# Other images that must be farther than a patch for it to count as odd. The eighth nearest says more surely than the
# third whether any image is defective, but not as well which.
_NEARER, _FARTHER = 3, 8
# What evidence by all views together has to exceed, and what of few images, whose likelihoods chance moves more: hardly
# any draw from clean sets had so much.
_DECISIVE, _DECISIVE_OF_FEW = 8.0, 16.0
FEW = 80
# Among fewer images no test is sure that there are no defective ones.
_TELLING = 200
# With a larger share of defective images there is no telling which are the good ones.
MOST = 0.35
# Share of an image's patches that say how odd it is at its positions.
_ODDEST = 0.05


@dataclass(frozen=True)
class Suspicion:
    """Which training images look defective.

    Attributes:
        distrusted: bool `[N]`.
        certain: whether there is no doubt, neither that these are defective nor, where they are none, that none is.
    """

    distrusted: torch.Tensor
    certain: bool


def suspect(support: Support, factors: torch.Tensor | None) -> Suspicion:
    """Judge images by what others show, wherever that is, and by what others show at the same positions.

    Mixtures of good and defective images are fitted to distances to the third and to the eighth nearest image, which
    count half each, and to outlier factors (`decisions.contamination.sift`). The logarithms of their likelihood ratios
    are added, as those of independent views would be. Where the sum is decisive the third nearest images and the
    factors name those that are rather defective by them, if they are significant at 1 % by themselves.

    Args:
        support: distances to other images.
        factors: outlier factors `[N, H, W]` by position; None for the first view alone.
    """
    near, far = (_sifted(support.evidence(nearest)) for nearest in (_NEARER, _FARTHER))
    evidence = (near.evidence + far.evidence) / 2
    images = len(support.distances)
    odd = torch.zeros(images, dtype=torch.bool, device=support.distances.device)
    if factors is not None:
        oddity = _oddity(factors)
        placed = _sifted(oddity)
        evidence += placed.evidence
        if _defective(placed) <= MOST * images:
            odd[oddity.argsort(descending=True, stable=True)[: _defective(placed)]] = True
    distrusted = torch.zeros_like(odd)
    if evidence > (_DECISIVE if images >= FEW else _DECISIVE_OF_FEW):
        distrusted = odd | ~support.trusted(min(_defective(near), images - 2))
    clean = evidence <= SIGNIFICANT and images >= _TELLING
    return Suspicion(distrusted, clean or bool(distrusted.any()))


def _sifted(view: torch.Tensor) -> Sifted:
    return sift(view.double().cpu().numpy())


def _defective(sifted: Sifted) -> int:
    """Return how many images are rather defective than good; 0 if the view is not significant."""
    return int((sifted.weights < 0.5).sum())


def _oddity(factors: torch.Tensor) -> torch.Tensor:
    """Return how odd each image is by the outlier factors of its patches: the mean of its worst, `[N]`."""
    flat = factors.flatten(1)
    return flat.topk(max(1, round(_ODDEST * flat.shape[1])), dim=1).values.mean(dim=1)
