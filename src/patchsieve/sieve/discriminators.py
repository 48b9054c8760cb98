"""Noise discriminators: how much of an outlier is each training patch among the patches at its position?

Three of them follow the paper (Jiang et al., NeurIPS 2022, section 3.2): features are grouped by position over the
images, and a patch is compared only with the patches that other images have at the same place. `Mutual`, in a file of
its own, looks anywhere in other images.

Comparing all images with all at every position grows with the square of their number. Above `REFERENCES` images the
two that look for neighbours, LOF and nearest, look among a random choice of so many: what is rare among two thousand
images is rare.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np
import torch

from patchsieve.errors import ConfigError
from patchsieve.sieve.mutual import SAMPLED, Mutual
from patchsieve.sieve.neighbours import neighbours_by_position

BY_POSITION = ("lof", "nearest", "gaussian")
DISCRIMINATORS = (*BY_POSITION, "mutual")
REFERENCES = 2000
# Float64 that the Gaussian works on at a time, on a CPU: it stays in the caches. Larger blocks of memory would be given
# back to the system after every step and cleared again for the next.
_DOUBLE_BYTES = 2**20
# Channels that are factorised at a time: the rest of the work is products, which are several times as fast.
_FACTORISED = 64


class ByPosition(Protocol):
    """Gives every training patch an outlier score among those at its position.

    Attributes:
        name: as the user writes it.
        min_images: the fewest images that give it meaning.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def min_images(self) -> int: ...  # noqa: D102

    def score(self, features: torch.Tensor) -> torch.Tensor:
        """Score float32 `[P, N, C]` (positions, images, channels); returns float32 `[P, N]`, high = outlier."""


NoiseDiscriminator = ByPosition | Mutual


@dataclass(frozen=True)
class Nearest:
    """Distance to the nearest patch of another image at the same position (paper, equation 2).

    Attributes:
        references: with more images than this, neighbours are looked for among so many, chosen at random.
        seed: of that choice.
    """

    references: int = REFERENCES
    seed: int = 0
    name: str = "nearest"
    min_images: int = 2

    def score(self, features: torch.Tensor) -> torch.Tensor:
        """See `ByPosition.score`; the score is a Euclidean distance."""
        chosen = _chosen(features, self.references, self.seed)
        return neighbours_by_position(features, 1, chosen)[0][:, :, 0]


@dataclass(frozen=True)
class Gaussian:
    """Mahalanobis distance under the Gaussian of the position (paper, equation 3).

    Mean and covariance (divisor N - 1) are those of the N patches of the position, with `eps` added to the
    covariance's diagonal. With centred patches X `[N, C]`, S = X'X / (N - 1) + eps I and x_i' S^-1 x_i is
    needed for every row. With fewer images than channels the same number comes from the N x N Gram matrix
    G = XX' (push-through identity): diag(X S^-1 X') = (N - 1) diag(G (G + (N - 1) eps I)^-1).

    Attributes:
        eps: regularisation of the covariance, in squared feature units.
    """

    eps: float = 0.01
    name: str = "gaussian"
    min_images: int = 2

    def score(self, features: torch.Tensor) -> torch.Tensor:
        """See `ByPosition.score`; the score is a Mahalanobis distance. Computed in float64."""
        positions, images, channels = features.shape
        few = max(1, _DOUBLE_BYTES // (8 * images * channels)) if features.device.type == "cpu" else positions
        return torch.cat([self._score(block) for block in torch.split(features, few)])

    def _score(self, features: torch.Tensor) -> torch.Tensor:
        centred = features.double()
        centred -= centred.mean(dim=1, keepdim=True)
        images, channels = centred.shape[1:]
        squared = self._dual(centred) if images < channels else self._primal(centred)
        return squared.clamp_(min=0).sqrt_().to(features.dtype)

    def _primal(self, centred: torch.Tensor) -> torch.Tensor:
        covariance = centred.transpose(1, 2) @ centred / (centred.shape[1] - 1)
        covariance.diagonal(dim1=1, dim2=2).add_(self.eps)
        return _squared_mahalanobis(covariance, centred.transpose(1, 2))

    def _dual(self, centred: torch.Tensor) -> torch.Tensor:
        scale = centred.shape[1] - 1
        gram = centred @ centred.transpose(1, 2)
        regular = gram.clone()
        regular.diagonal(dim1=1, dim2=2).add_(scale * self.eps)
        solved = torch.cholesky_solve(gram, torch.linalg.cholesky(regular))
        return scale * solved.diagonal(dim1=1, dim2=2)


def _squared_mahalanobis(covariance: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Return the squared lengths `[P, N]` of centred vectors `[P, C, N]` under covariances `[P, C, C]`.

    Some channels at a time: their own distance, then what is left of the others once these are known (the conditional
    Gaussian: its mean taken off the vectors, its covariance the Schur complement).
    """
    squared = vectors.new_zeros(vectors.shape[0], vectors.shape[2])
    while covariance.shape[1]:
        now, later = slice(0, _FACTORISED), slice(_FACTORISED, None)
        factor = torch.linalg.cholesky(covariance[:, now, now])
        whitened = torch.linalg.solve_triangular(factor, vectors[:, now], upper=False)
        squared += whitened.square().sum(dim=1)
        shared = torch.linalg.solve_triangular(factor, covariance[:, now, later], upper=False).transpose(1, 2)
        vectors = torch.baddbmm(vectors[:, later], shared, whitened, alpha=-1)
        covariance = torch.baddbmm(covariance[:, later, later], shared, shared.transpose(1, 2), alpha=-1)
    return squared


@dataclass(frozen=True)
class LOF:
    """Local outlier factor of a patch among the patches of its position (paper, equations 4-6).

    k-distance, reachability distance max(k-distance(b), |a - b|), local reachability density (the inverse of
    its mean over the k neighbours) and the mean ratio of the neighbours' densities to the patch's own.
    About 1 inside a cluster of any density, above 1 outside.

    Attributes:
        k: number of neighbours; 6 in the paper.
        references: with more images than this, neighbours are looked for among so many, chosen at random.
        seed: of that choice.
        also: smaller numbers of neighbours; the score is then the largest factor over these and `k` (section 6.2 of
            Breunig et al.).

    References:
        Breunig et al. (2000), "LOF: identifying density-based local outliers".
    """

    k: int = 6
    references: int = REFERENCES
    seed: int = 0
    also: tuple[int, ...] = ()
    name: str = "lof"

    @property
    def min_images(self) -> int:
        """One more than `k`: a patch is not its own neighbour."""
        return self.k + 1

    def score(self, features: torch.Tensor) -> torch.Tensor:
        """See `ByPosition.score`; the score is a ratio of densities."""
        chosen = _chosen(features, max(self.references, self.min_images), self.seed)
        distances, neighbours = neighbours_by_position(features, self.k, chosen)
        everyone = slice(None) if chosen is None else chosen
        return reduce(
            torch.maximum,
            (
                _outlier_factors(distances[..., :k], neighbours[..., :k], everyone)
                for k in (self.k, *self.also)
            ),
        )


def _outlier_factors(
    distances: torch.Tensor, neighbours: torch.Tensor, references: torch.Tensor | slice
) -> torch.Tensor:
    """Return the factors `[P, N]` from distances and neighbours `[P, N, k]`, indices into the references."""
    flat = neighbours.flatten(1)
    k_distance = distances[:, references, -1].gather(1, flat).view_as(distances)
    reachability = torch.maximum(k_distance, distances)
    # The small constant keeps copies of one image (all distances zero) at a factor of one.
    density = 1.0 / (reachability.mean(dim=2) + 1e-10)
    neighbour_density = density[:, references].gather(1, flat).view_as(distances)
    return neighbour_density.mean(dim=2) / density


def _chosen(features: torch.Tensor, most: int, seed: int) -> torch.Tensor | None:
    """Return the images to look among, int64 `[most]` ascending, None where there are no more than that."""
    images = features.shape[1]
    if images <= most:
        return None
    picked = np.random.default_rng(seed).choice(images, size=most, replace=False)
    return torch.from_numpy(np.sort(picked)).to(features.device)


def make_discriminator(
    name: str,
    *,
    lof_k: int = 6,
    gaussian_eps: float = 0.01,
    references: int = REFERENCES,
    mutual_k: int = 3,
    mutual_patches: int = SAMPLED,
    seed: int = 0,
) -> NoiseDiscriminator:
    """Return the discriminator called `name`; the other arguments are for those that have such a setting.

    Raises:
        ConfigError: there is none of that name, or its setting cannot work.
    """
    if not 2 <= references < 2**16:
        raise ConfigError(f"reference_images is {references}: it must be at least 2 and below {2**16}")
    if name == "lof":
        if lof_k < 1:
            raise ConfigError(f"lof_k is {lof_k}: the local outlier factor needs at least one neighbour")
        return LOF(lof_k, references, seed)
    if name == "nearest":
        return Nearest(references, seed)
    if name == "gaussian":
        if gaussian_eps <= 0:
            raise ConfigError(
                f"gaussian_eps is {gaussian_eps}: it must be positive to keep the covariance regular"
            )
        return Gaussian(eps=gaussian_eps)
    if name == "mutual":
        return Mutual.checked(mutual_k, mutual_patches, seed)
    raise ConfigError(f"there is no noise discriminator {name!r}; choose one of {', '.join(DISCRIMINATORS)}")
