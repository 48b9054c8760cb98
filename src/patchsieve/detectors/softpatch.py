"""SoftPatch: sieve noisy patches out before the bank is built, keep the outlier scores as soft weights."""

from dataclasses import dataclass
from typing import ClassVar, Self

from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.training import require_others
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress
from patchsieve.sieve import (
    LOF,
    REFERENCES,
    SAMPLED,
    Mutual,
    NoiseDiscriminator,
    check_share,
    make_discriminator,
    outlier_scores,
    sieve,
)


@dataclass(kw_only=True, eq=False, repr=False)
class SoftPatch(BankDetector):
    """SoftPatch (Jiang et al., NeurIPS 2022, arXiv 2403.14233).

    Features are grouped by position over the training images; a noise discriminator gives every patch an
    outlier score W (equations 2 to 6); one cut over all patches sieves the worst `tau` out; a greedy k-center
    coreset of the rest is the memory bank; the outlier scores of its patches are the soft weights, and
    s = W(m*) |p - m*|_2 is the score of a patch p with nearest bank patch m* (equations 7 and 8).

    The discriminator `mutual` is not the paper's: it compares patches with other images wherever in the picture, for
    parts that move. Its scores are distances, as those of `nearest`, and weight the anomaly scores as those do.

    Where the authors' code differs from their paper, this follows the paper: k counts neighbours without the
    patch itself, distances are not squared, and the coreset starts at one random patch among those that stay.

    Attributes:
        discriminator: ``lof``, ``nearest``, ``gaussian`` or ``mutual``.
        tau: share of all training patches that is sieved out.
        lof_k: neighbours of the local outlier factor.
        reference_images: with more training images than this, lof and nearest look for neighbours among so many,
            chosen at random; their time would else grow with the square of the images.
        mutual_k: which nearest other image counts.
        mutual_patches: the most patches, of all images together, that mutual compares each with.
        gaussian_eps: added to the covariance's diagonal, in squared feature units.
        soft_weights: whether outlier scores weight the anomaly scores.

    Example:
        >>> model = SoftPatch(tau=0.1, discriminator="nearest")
        >>> model.get_params()["tau"]
        0.1
    """

    system: ClassVar[str] = "softpatch"

    discriminator: str = "lof"
    tau: float = 0.15
    lof_k: int = 6
    reference_images: int = REFERENCES
    mutual_k: int = 3
    mutual_patches: int = SAMPLED
    gaussian_eps: float = 0.01
    soft_weights: bool = True

    def noise_discriminator(self) -> NoiseDiscriminator:
        """Return the discriminator of this configuration. Raises `ConfigError` where there is none."""
        return make_discriminator(
            self.discriminator,
            lof_k=self.lof_k,
            gaussian_eps=self.gaussian_eps,
            references=self.reference_images,
            mutual_k=self.mutual_k,
            mutual_patches=self.mutual_patches,
            seed=self.seed,
        )

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        self.noise_discriminator()
        check_share(self.tau)

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: with very few images `lof` and `mutual` make do with a smaller k.

        Raises:
            ImagesError: one image alone is left; it has no neighbour, and no discriminator has a meaning.
        """
        require_others(images, total, self.system, "one image alone has no outliers")
        copy = super().for_fewer(images, total)
        discriminator = self.noise_discriminator()
        if isinstance(discriminator, LOF | Mutual) and images < discriminator.min_images:
            copy.set_params(**{f"{discriminator.name}_k": images - 1})
        return copy

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        weights = outlier_scores(features, self.noise_discriminator(), progress=progress)
        self.bank_ = self.build_bank(
            features,
            progress,
            keep=sieve(weights, self.tau),
            weights=weights if self.soft_weights else None,
        )
