"""The sieve: finds the patches of the training images that do not belong there.

In: `PatchFeatures` of the training set, `[N, H, W, C]`. Out: an outlier score for each patch, float32
`[N, H, W]`, and from it the bool mask of the patches that stay. The scores of those are the soft weights.
"""

from patchsieve.sieve.discriminators import (
    BY_POSITION,
    DISCRIMINATORS,
    LOF,
    REFERENCES,
    ByPosition,
    Gaussian,
    Nearest,
    NoiseDiscriminator,
    make_discriminator,
)
from patchsieve.sieve.mutual import SAMPLED, Mutual
from patchsieve.sieve.outliers import check_share, outlier_scores, sieve
from patchsieve.sieve.quality import PatchQuality, averaged_over_time
from patchsieve.sieve.support import Support, Witnesses

__all__ = [
    "BY_POSITION",
    "DISCRIMINATORS",
    "LOF",
    "REFERENCES",
    "SAMPLED",
    "ByPosition",
    "Gaussian",
    "Mutual",
    "Nearest",
    "NoiseDiscriminator",
    "PatchQuality",
    "Support",
    "Witnesses",
    "averaged_over_time",
    "check_share",
    "make_discriminator",
    "outlier_scores",
    "sieve",
]
