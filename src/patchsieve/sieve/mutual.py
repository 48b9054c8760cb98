"""A noise discriminator for parts that move: a patch is compared with other images, wherever in the picture.

By-position statistics ask whether a patch is usual *at its place*. Where parts lie at any angle, or a surface has no
places at all, every patch is unusual at its place and the question says nothing. Here it is whether other images
have such a patch anywhere.
"""

from dataclasses import dataclass

import numpy as np
import torch

from patchsieve.errors import ConfigError
from patchsieve.fastproducts import fast_dtype, query_code, smallest_columns, target_code
from patchsieve.features.patches import PatchFeatures
from patchsieve.parallel import map_blocks
from patchsieve.progress import Stage
from patchsieve.sieve.sampling import sampled_patches

# Patches compared with by default, of all images together: the cost of a patch is the same for any number of images.
SAMPLED = 4096
# Images read at a time.
_READ_BYTES = 128 * 2**20
# Working memory of one product; small enough for the processor's caches.
_PRODUCT_BYTES = 2 * 2**20
# Images measured beyond the k nearest: rounding may confuse their order.
_SPARE = 3


@dataclass(frozen=True)
class Mutual:
    """Distance to the k-th nearest other image, where an image is as near as the nearest of its patches.

    For a patch p of image i, and a random sample B_j of the patches of every image j,

        d_j(p) = min over b in B_j of |p - b|        W(p) = the k-th smallest d_j(p) over j ≠ i

    An image does not vouch for itself, however often it shows the same thing; a defect is called normal only where k
    other images hold one like it. A patch is compared with `patches` patches in all, in equal numbers from each image;
    with more images than that, from as many images chosen at random. What one image shows in one patch only is in the
    sample `patches` / (H W) times, about 5 times by default on a grid of 28 x 28: hence a small k.

    Products in the processor's fastest type name the nearest images and the nearest patch in each; the distances to a
    few more than k of these are measured as |p - b|, and the k-th smallest is the score. Where rounding has named
    another patch than the nearest, W is too high by what rounding can move two patches, about a hundredth of their
    length at most; where the fastest type is float32, it is exact.

    Attributes:
        k: which nearest other image counts; 1 trusts a single one.
        patches: the most patches that each is compared with.
        seed: of the sample.

    References:
        Li et al. (2024), "MuSc: zero-shot industrial anomaly classification and segmentation with mutual scoring of
        the unlabeled images", section 3.2. There all patches of all images are compared, and the lowest 30 % of the
        d_j are averaged.
    """

    k: int = 3
    patches: int = SAMPLED
    seed: int = 0
    name: str = "mutual"

    @classmethod
    def checked(cls, k: int, patches: int, seed: int) -> "Mutual":
        """Return the discriminator of these settings. Raises `ConfigError` where they cannot work."""
        if k < 1:
            raise ConfigError(f"mutual_k is {k}: at least one other image is needed to compare with")
        if patches <= k:
            raise ConfigError(
                f"mutual_patches is {patches}: it must be above mutual_k, which is {k}; "
                "a few thousand find what is rare"
            )
        return cls(k, patches, seed)

    @property
    def min_images(self) -> int:
        """One more than `k`: an image is not another."""
        return self.k + 1

    def score_images(self, features: PatchFeatures, stage: Stage) -> torch.Tensor:
        """Score `[N, H, W, C]`; returns float32 `[N, H W]`, Euclidean distances, high = outlier.

        Args:
            features: of all images.
            stage: of H W units.
        """
        sample = _Sample.of(features, self.patches, self.min_images, self.seed)
        images, height, width, channels = features.shape
        read = max(1, _READ_BYTES // (4 * height * width * channels))
        scores: list[torch.Tensor] = []
        told = done = 0
        for found in features.map_batches(_KthDistances(sample, self.k), read):
            scores.append(found.to(features.device))
            done += len(found)
            stage.advance(height * width * done // images - told)
            told = height * width * done // images
        return torch.cat(scores)


@dataclass(frozen=True)
class _Sample:
    """Patches drawn from the images.

    Attributes:
        patches: float32 `[R m, C]`, m of each of R images, less `origin`.
        codes: `[R m, C + 6]` in the fast type: a product with a query's is half their squared distance.
        row_of: int64 `[N]`, which of the R an image is, -1 for none.
        origin: float32 `[C]`: distances do not change with it, but near the mean their rounding is smallest.
    """

    patches: torch.Tensor
    codes: torch.Tensor
    row_of: torch.Tensor
    origin: torch.Tensor

    @classmethod
    def of(cls, features: PatchFeatures, patches: int, fewest: int, seed: int) -> "_Sample":
        images, height, width, _ = features.shape
        random = np.random.default_rng(seed)
        chosen = np.arange(images)
        if images > max(patches, fewest):
            chosen = np.sort(random.choice(images, size=max(patches, fewest), replace=False))
        each = min(height * width, max(1, patches // len(chosen)))
        drawn = sampled_patches(features, chosen, each, random)
        origin = drawn.mean(dim=0)
        drawn = drawn - origin
        row_of = torch.full((images,), -1)
        row_of[torch.from_numpy(chosen)] = torch.arange(len(chosen))
        code = drawn.to(fast_dtype(drawn.device))
        return cls(drawn, target_code(code), row_of, origin)

    def distances(self, image: int, patches: torch.Tensor, k: int) -> torch.Tensor:
        """Return the distance to the k-th nearest other image, float32 `[Q]`, of patches `[Q, C]` of one image."""
        queries = patches - self.origin
        products = (self.codes @ query_code(queries.to(self.codes)).T).view(len(self), -1, len(queries))
        by_image = products.amin(dim=1).T.float()
        own = int(self.row_of[image])
        if own >= 0:
            by_image[:, own] = torch.inf
        candidates = smallest_columns(by_image, min(k + _SPARE, len(self)))
        rows = torch.arange(len(queries), device=queries.device)[:, None]
        within = products.permute(2, 0, 1)[rows, candidates].argmin(dim=2)
        nearest = candidates * products.shape[1] + within
        found = self.patches.index_select(0, nearest.flatten()).view(*nearest.shape, -1)
        distances = torch.linalg.vector_norm(found.sub_(queries[:, None]), dim=2)
        distances.masked_fill_(candidates == own, torch.inf)
        kth: torch.Tensor = distances.kthvalue(k, dim=1).values
        return kth

    def __len__(self) -> int:
        """How many images are drawn from."""
        return int(self.row_of.max()) + 1


@dataclass(frozen=True)
class _KthDistances:
    """Distances of images' patches to the k-th nearest other image, where the images lie."""

    sample: _Sample
    k: int

    def __call__(self, images: torch.Tensor, first: int) -> torch.Tensor:
        """Return float32 `[n, H W]` of images `[n, H, W, C]`, of which the first has this number."""
        rows = max(1, _PRODUCT_BYTES // (self.sample.codes.element_size() * len(self.sample.patches)))
        numbered = enumerate(images.flatten(1, 2), first)
        parts = [(number, part) for number, image in numbered for part in image.split(rows)]
        found = map_blocks(lambda part: self.sample.distances(*part, self.k), parts, images.device)
        return torch.cat(found).view(len(images), -1)
