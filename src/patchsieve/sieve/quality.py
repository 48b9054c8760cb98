"""Patch quality: how much a training patch looks like one to learn from, from three things that can be wrong with it.

All three are distances, and each counts in multiples of its median over the training set:

- to its spatial neighbours in the picture (consistency);
- to the mean of all images at its position (stability);
- to the k-th nearest other image, wherever in the picture (representativeness: how dense its surroundings are).
"""

from dataclasses import dataclass

import torch
from scipy.ndimage import gaussian_filter

from patchsieve.features.patches import PatchFeatures
from patchsieve.progress import SILENT, Progress
from patchsieve.sieve.mutual import Mutual
from patchsieve.sieve.outliers import outlier_scores

_BATCH = 16


@dataclass(frozen=True)
class PatchQuality:
    """What quality is measured by.

    Attributes:
        mean: float32 `[H, W, C]`, of the images at each position.
        typical: float32 `[3]`, the medians of the three distances over the training set.
        sigma: smoothing of quality over the grid, in patches; 0 for none.
    """

    mean: torch.Tensor
    typical: torch.Tensor
    sigma: float

    @classmethod
    def learn(
        cls, features: PatchFeatures, density: Mutual, sigma: float, *, progress: Progress = SILENT
    ) -> "tuple[PatchQuality, torch.Tensor]":
        """Learn from the training images what is typical.

        Args:
            features: `[N, H, W, C]`.
            density: measures the distance to other images.
            sigma: smoothing of quality over the grid, in patches; 0 for none.
            progress: of measuring the density.

        Returns:
            The measure, and the quality of each training patch, float32 `[N, H, W]`.

        Raises:
            ImagesError: there are fewer images than `density` needs.
        """
        apart = outlier_scores(features, density, progress=progress)
        total = torch.zeros(features.shape[1:], dtype=torch.float64, device=features.device)
        for images in features.batches(_BATCH):
            total += images.sum(dim=0, dtype=torch.float64)
        mean = (total / len(features)).float()
        distances = torch.cat([_distances(images, mean) for images in features.batches(_BATCH)])
        distances = torch.cat([distances, apart[..., None]], dim=3)
        typical = distances.flatten(0, 2).median(dim=0).values
        quality = cls(mean, typical, sigma)
        return quality, quality._from(distances)

    def of(self, images: torch.Tensor, apart: torch.Tensor) -> torch.Tensor:
        """Return the quality of other images' patches.

        Args:
            images: float32 `[B, H, W, C]`.
            apart: float32 `[B, H, W]`, distances to what is known, in the place of those to other images.

        Returns:
            float32 `[B, H, W]`, above 0 and at most 1; 0.5 is typical.
        """
        return self._from(torch.cat([_distances(images, self.mean), apart[..., None]], dim=3))

    def _from(self, distances: torch.Tensor) -> torch.Tensor:
        # Where images are copies of each other, the medians are zero and so are the distances.
        times = distances / self.typical.clamp(min=torch.finfo(torch.float32).tiny)
        quality = torch.exp2(-times.mean(dim=3))
        if self.sigma > 0:
            smooth = gaussian_filter(quality.cpu().numpy(), self.sigma, axes=(1, 2), mode="nearest")
            quality = torch.from_numpy(smooth).to(quality.device)
        return quality


def _distances(images: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Return the distances to the spatial neighbours and to the position's mean, float32 `[B, H, W, 2]`."""
    from_mean = torch.linalg.vector_norm(images - mean, dim=3)
    total, count = torch.zeros_like(from_mean), torch.zeros_like(from_mean)
    for axis in (1, 2):
        size = images.shape[axis]
        before, behind = (slice(0, size - 1), slice(1, size))
        step = torch.linalg.vector_norm(images.diff(dim=axis), dim=3)
        for side in (before, behind):
            part = (slice(None), side) if axis == 1 else (slice(None), slice(None), side)
            total[part] += step
            count[part] += 1
    return torch.stack([total / count.clamp(min=1), from_mean], dim=3)


def averaged_over_time(
    quality: torch.Tensor, before: torch.Tensor, *, rate: float, share: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Average qualities over the images in their order.

    With e the exponential moving average of a position, e_t = (1 - rate) e_(t-1) + rate q_t, a patch's quality becomes
    (1 - share) q_t + share e_(t-1).

    Args:
        quality: float32 `[N, H, W]`, q.
        before: float32 `[H, W]`, e before the first image.
        rate: how fast the average follows, above 0 and at most 1.
        share: of the average in the result, 0 to 1.

    Returns:
        float32 `[N, H, W]`, and e after the last image.
    """
    result = torch.empty_like(quality)
    for index, image in enumerate(quality):
        result[index] = (1 - share) * image + share * before
        before = (1 - rate) * before + rate * image
    return result, before
