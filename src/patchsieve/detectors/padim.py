"""PaDiM: one Gaussian for each position of the image, and how far a patch is from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch

from patchsieve.detectors.base import Detector
from patchsieve.detectors.budget import Budget
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.parallel import map_blocks
from patchsieve.progress import SILENT, Progress, staged
from patchsieve.sieve.outliers import READ_BYTES

# Working memory of one block of positions while their Gaussians are computed, and while they are applied.
_LEARNT_BYTES = 32 * 2**20
_SCORED_BYTES = 8 * 2**20


@dataclass(kw_only=True, eq=False, repr=False)
class PaDiM(Detector):
    """PaDiM (Defard et al., ICPR 2021, arXiv 2011.08785).

    Of the C channels d are taken at random, the same everywhere. At each position the patches x of the N training
    images have mean μ and covariance Σ = (1/(N-1)) sum of (x - μ)(x - μ)' + ε I (equation 1). A new patch x there is
    scored by its Mahalanobis distance (equation 2):

        M(x) = sqrt( (x - μ)' Σ^-1 (x - μ) ) = |A (x - μ)|        A = L^-1 with the Cholesky factor L L' = Σ

    A is computed in float64 and kept in float32, a lower triangle of d (d + 1) / 2 numbers for each position: all
    positions of a batch are scored by one batched product. The image's score is the largest M (section 3.3).
    Patches are not averaged over their neighbourhood, so `patch_size` is 1.

    A position only means something where the parts lie alike in all images.

    Attributes:
        channels: d; the paper takes 550 of wide_resnet50_2's 1792 and 100 of ResNet-18's 448. All where there are
            no more.
        gaussian_eps: ε, in squared feature units; 0.01 in the paper.
        channels_: int64 `[d]` ascending, which channels were taken.
        means_: float32 `[H, W, d]`, μ.
        whitening_: float32 `[H W, d, d]`, A, lower triangular.

    Example:
        >>> PaDiM(channels=550).get_params()["patch_size"]
        1
    """

    system: ClassVar[str] = "padim"

    patch_size: int = 1
    channels: int = 100
    gaussian_eps: float = 0.01

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        if self.channels < 1:
            raise ConfigError(f"channels is {self.channels}: a Gaussian needs at least 1 channel")
        if self.gaussian_eps <= 0:
            raise ConfigError(
                f"gaussian_eps is {self.gaussian_eps}: it must be positive to keep the covariance regular"
            )

    def model_memory(self, images: int, shape: tuple[int, int, int], budget: Budget) -> tuple[str, int]:  # noqa: ARG002
        """See `Detector.model_memory`."""
        height, width, channels = shape
        d = min(self.channels, channels)
        # The finished model, and that of a fold beside it.
        return "Gaussians of the positions", 2 * 4 * height * width * d * (d + 1)

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`.

        Raises:
            ConfigError: `gaussian_eps` is too small for features of this size.
        """
        images, height, width, channels = features.shape
        positions = height * width
        self.channels_ = self._chosen(channels).to(features.device)
        d = len(self.channels_)
        means = torch.empty(positions, d, device=features.device)
        self.whitening_ = torch.empty(positions, d, d, device=features.device)
        read = max(1, READ_BYTES // (4 * images * channels))
        learnt = max(1, _LEARNT_BYTES // (8 * d * (images + 3 * d)))
        gaussians = partial(_gaussians, channels=self.channels_, eps=self.gaussian_eps)
        with staged(progress, "Gaussians of the positions", positions) as stage:
            for part, found in features.map_positions(gaussians, read=read, each=learnt):
                means[part], self.whitening_[part] = found
                stage.advance(part.stop - part.start)
        self.means_ = means.view(height, width, d)

    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`."""
        batch, height, width, _ = features.shape
        d = len(self.channels_)
        centred = (features.index_select(3, self.channels_) - self.means_).view(batch, height * width, d)
        step = max(1, _SCORED_BYTES // (4 * d * (d + 2 * batch)))

        def distances(first: int) -> torch.Tensor:
            part = slice(first, first + step)
            whitened = self.whitening_[part] @ centred[:, part].permute(1, 2, 0)
            found: torch.Tensor = torch.linalg.vector_norm(whitened, dim=1)
            return found

        blocks = map_blocks(distances, range(0, height * width, step), features.device)
        patch_scores = torch.cat(blocks).T.reshape(batch, height, width)
        return patch_scores.flatten(1).amax(dim=1), patch_scores

    def _chosen(self, channels: int) -> torch.Tensor:
        count = min(self.channels, channels)
        picked = np.random.default_rng(self.seed).choice(channels, size=count, replace=False)
        return torch.from_numpy(np.sort(picked))

    def _state(self) -> dict[str, torch.Tensor]:
        row, column = torch.tril_indices(*self.whitening_.shape[1:])
        return {
            "gaussian.channels": self.channels_,
            "gaussian.means": self.means_,
            # Half of a triangle is zeros; the file does without them.
            "gaussian.whitening": self.whitening_[:, row, column],
        }

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        self.channels_ = tensors["gaussian.channels"].to(device)
        self.means_ = tensors["gaussian.means"].to(device)
        packed = tensors["gaussian.whitening"]
        d = len(self.channels_)
        row, column = torch.tril_indices(d, d)
        whitening = torch.zeros(len(packed), d, d)
        whitening[:, row, column] = packed
        self.whitening_ = whitening.to(device)


def _gaussians(
    patches: torch.Tensor, *, channels: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return means float32 `[P, d]` and whitening matrices float32 `[P, d, d]` of d channels of patches `[P, N, C]`."""
    centred = patches.index_select(2, channels).double()
    mean = centred.mean(dim=1, keepdim=True)
    centred -= mean
    images, d = centred.shape[1:]
    # One image alone, as in a fold of two, has no variance: ε I is left.
    covariance = centred.transpose(1, 2) @ centred / max(1, images - 1)
    covariance.diagonal(dim1=1, dim2=2).add_(eps)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed.any():
        raise ConfigError(
            f"gaussian_eps is {eps}: too small beside the variance of these features; use a larger one"
        )
    identity = torch.eye(d, dtype=factor.dtype, device=factor.device).expand_as(factor)
    whitening = torch.linalg.solve_triangular(factor, identity, upper=False)
    return mean[:, 0].float(), whitening.float()
