"""How well other images support what an image shows, and which images to trust for it.

A defect is unlike what other images show. But so is a rare good patch; and defects of one kind support each other. So
the images are judged first, each by those that are trusted, over and over until it is settled which these are; only
then are single patches, by the trusted images alone.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from patchsieve.fastproducts import fast_dtype, query_code, target_code
from patchsieve.features.patches import PatchFeatures
from patchsieve.parallel import map_blocks
from patchsieve.progress import SILENT, Progress, staged
from patchsieve.sieve.sampling import sampled_patches

# Images that others are compared with, and the most patches of all of them together.
_REFERENCES = 512
_REFERENCE_PATCHES = 32_768
# Nearest references that are kept of each patch: one of them is trusted, or the patch is of no usual kind.
_NEAREST = 16
# Patches of each image that are looked at, and distances kept at most: with more images fewer patches of each.
_PATCHES = 256
_KEPT = 2**26
# Patches of trusted images that the radius of a bank patch is measured to.
_RADIUS_PATCHES = 131_072
# Images that are worked on together.
_TOGETHER = 16
# Working memory of one product.
_PRODUCT_BYTES = 8 * 2**20
# Which nearest other image counts before anything is known: two defects of one kind do not hide each other.
_CAUTIOUS = 3
# Share of an image's patches that its evidence is averaged over.
_WORST = 0.1
_MOST_STEPS = 20


@dataclass(frozen=True)
class Support:
    """Distances of patches of every image to the nearest patch of other images.

    Attributes:
        distances: float32 `[N, P, K]` ascending, of P patches of each image, on a lattice, to the K reference images
            that are nearest to it, the image itself aside.
        nearest: int16 `[N, P, K]`, which of the references these are.
        references: int64 `[R]` ascending, which images are references.
    """

    distances: torch.Tensor = field(repr=False)
    nearest: torch.Tensor = field(repr=False)
    references: torch.Tensor = field(repr=False)

    @classmethod
    def measure(cls, features: PatchFeatures, *, seed: int = 0, progress: Progress = SILENT) -> "Support":
        """Compare all images.

        A reference image is as near as the nearest of a random sample of its patches. With more than 512 images, as
        many chosen at random are the references; they are sampled 32,768 times in all, so that the time grows with
        the images and not with their square. Where products in bfloat16 are faster, distances are off by
        up to 0.4 % of the vectors' lengths, and by 0.07 % usually: far less than another sample would change them by.

        Args:
            features: `[N, H, W, C]`, N >= 3.
            seed: of the samples.
            progress: shown one unit an image.
        """
        images, height, width, _ = features.shape
        random = np.random.default_rng(seed)
        chosen = np.sort(random.permutation(images)[:_REFERENCES])
        each = min(height * width, max(1, _REFERENCE_PATCHES // len(chosen)))
        sample = sampled_patches(features, chosen, each, random)
        references = torch.from_numpy(chosen).to(features.device)
        near = _Near.to(sample, references, _lattice(images, height, width))
        distances: list[torch.Tensor] = []
        nearest: list[torch.Tensor] = []
        with staged(progress, "comparing images", images) as stage:
            for found in features.map_batches(near, _TOGETHER):
                for kept, part in zip((distances, nearest), found, strict=True):
                    kept.append(part.to(features.device))
                stage.advance(len(found[0]))
        return cls(torch.cat(distances), torch.cat(nearest), references)

    @staticmethod
    def kept_bytes(images: int, height: int, width: int) -> int:
        """Return what is kept of so many images with grids of this size."""
        step = _lattice(images, height, width)
        return 6 * images * _known(images) * -(-height // step) * -(-width // step)

    def evidence(self, nearest: int) -> torch.Tensor:
        """Return what speaks against each image before any other is distrusted, float32 `[N]`, high = defective.

        The mean distance of the worst tenth of its patches to one of the nearest other images, the third for example. A
        single patch that is far off by chance moves it less than it moves the largest distance, and defects far more.

        Args:
            nearest: which of the other images, from 1; the last that is known where there are fewer.
        """
        apart = self._apart(nearest)
        worst = max(1, round(_WORST * apart.shape[1]))
        return apart.topk(worst, dim=1).values.mean(dim=1)

    def _apart(self, nearest: int) -> torch.Tensor:
        return self.distances[:, :, min(nearest, self.distances.shape[2]) - 1]

    def trusted(self, distrusted: int) -> torch.Tensor:
        """Choose the images to trust, all but `distrusted`: concentration steps, as of a least trimmed estimate.

        Score every image by its largest distance to the third nearest other image and trust those with the lowest
        scores; score all again by the largest distance to the nearest trusted other image; and so on until nothing
        changes. Images with a patch of whose K nearest none is trusted come last, by how far these K are.

        Returns:
            bool `[N]`.

        References:
            Rousseeuw & Van Driessen (1999), "A fast algorithm for the minimum covariance determinant estimator".
        """
        scores = self._apart(_CAUTIOUS).amax(dim=1)
        keep = len(scores) - distrusted
        trusted = _lowest(scores, keep)
        for _ in range(_MOST_STEPS):
            judges = trusted[self.references]
            if judges.sum() < 2:
                break
            again = _lowest(self._scores(judges), keep)
            if torch.equal(again, trusted):
                break
            trusted = again
        return trusted

    def _scores(self, judges: torch.Tensor) -> torch.Tensor:
        beyond, scores = self.distances.max(), []
        for distances, nearest in zip(self.distances, self.nearest, strict=True):
            found = distances.masked_fill(~judges[nearest.long()], torch.inf).amin(dim=1)
            scores.append(torch.where(found.isinf(), beyond + distances[:, -1], found).amax())
        return torch.stack(scores)


@dataclass(frozen=True)
class _Near:
    """The references that are nearest to patches of images, found where the images lie.

    Attributes:
        targets: `[C + 6, R each]`, codes of samples of the references in the fast type.
        origin: float32 `[C]`, what the samples are less.
        references: int64 `[R]`, which images these are.
        step: of the lattice of patches that are looked at.
    """

    targets: torch.Tensor
    origin: torch.Tensor
    references: torch.Tensor
    step: int

    @classmethod
    def to(cls, sample: torch.Tensor, references: torch.Tensor, step: int) -> "_Near":
        origin = sample.mean(dim=0)
        return cls(target_code((sample - origin).to(fast_dtype(sample.device))).T, origin, references, step)

    def __call__(self, images: torch.Tensor, first: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return distances and references, as those of a `Support`, for images `[n, H, W, C]`."""
        lattice = images[:, :: self.step, :: self.step].flatten(1, 2)
        at_a_time = max(1, _PRODUCT_BYTES // (self.targets.itemsize * self.targets.shape[1]))
        blocks = torch.split(lattice.flatten(0, 1) - self.origin, at_a_time)
        found = torch.cat(map_blocks(self._nearest, blocks, images.device)).view(*lattice.shape[:2], -1)
        numbers = torch.arange(first, first + len(images), device=images.device)
        found.masked_fill_((self.references == numbers[:, None])[:, None], torch.inf)
        nearest = found.topk(_known(len(self.references)), dim=2, largest=False)
        return nearest.values, nearest.indices.to(torch.int16)

    def _nearest(self, block: torch.Tensor) -> torch.Tensor:
        halves = query_code(block.to(self.targets.dtype)) @ self.targets
        found = halves.view(len(block), len(self.references), -1).amin(dim=2).float()
        return found.mul_(2).clamp_(min=0).sqrt_()


@dataclass(frozen=True)
class Witnesses:
    """The trusted images that show what is most like each of some patches, those aside that the patches are from.

    Attributes:
        distances: float32 `[M, K]`, from each patch to its K nearest images, ascending.
        images: int64 `[M, K]`, which these are.
        count: a radius is the mean distance to so many.
        scale: times this.
    """

    distances: torch.Tensor = field(repr=False)
    images: torch.Tensor = field(repr=False)
    count: int
    scale: float = 1.0

    @classmethod
    def measure(
        cls,
        features: PatchFeatures,
        patches: torch.Tensor,
        owners: torch.Tensor,
        trusted: torch.Tensor,
        *,
        count: int,
        scale: float = 1.0,
    ) -> "Witnesses":
        """Find them, and the next one, in case one shall not count.

        Args:
            features: `[N, H, W, C]`.
            patches: float32 `[M, C]`.
            owners: int64 `[M]`, the image that each is from.
            trusted: bool `[N]`, at least two images. With many images each is looked at on a lattice of its patches.
            count: how many of the nearest a radius is the mean distance to; all others where there are fewer.
            scale: what this mean is multiplied by.
        """
        _, height, width, _ = features.shape
        images = trusted.nonzero()[:, 0]
        step = _step(height, width, most=max(1, _RADIUS_PATCHES // len(images)))
        known = min(count + 1, len(images) - 1)
        best = patches.new_full((len(patches), known), torch.inf)
        which = owners.new_full((len(patches), known), -1)
        origin = patches.mean(dim=0)
        away = _Away(patches - origin, origin, step)
        done = features.take(images.cpu().numpy()).map_batches(away, _TOGETHER)
        distances = (nearest.to(patches.device) for batch in done for nearest in batch)
        for image, nearest in zip(images.tolist(), distances, strict=True):
            nearest[owners == image] = torch.inf
            best, order = torch.cat([best, nearest[:, None]], dim=1).topk(known, dim=1, largest=False)
            which = torch.cat([which, torch.full_like(which[:, :1], image)], dim=1).gather(1, order)
        squares = away.patches.square().sum(dim=1)
        return cls(best.add_(squares[:, None]).clamp_(min=0).sqrt_(), which, count, scale)

    @property
    def radii(self) -> torch.Tensor:
        """How far the patches are from the nearest images, in the mean, times the scale, float32 `[M]`."""
        return self.scale * self.distances[:, : self.count].mean(dim=1)

    def radii_without(self, image: int) -> torch.Tensor:
        """Return the radii had one image not been there; where it was the only other one, what it was before."""
        others = self.images != image
        # Of those that count, or of those that come after them where one does not.
        counted = others & (others.cumsum(dim=1) <= self.count)
        missing = ~counted.any(dim=1)
        total = torch.where(counted, self.distances, 0.0).sum(dim=1) / counted.sum(dim=1).clamp_(min=1)
        return self.scale * torch.where(missing, self.distances[:, 0], total)


@dataclass(frozen=True)
class _Away:
    """Squared distances of patches to the nearest patch of each image, less their own squares, where the images lie.

    Attributes:
        patches: float32 `[M, C]`, less `origin`.
        origin: float32 `[C]`.
        step: of the lattice of each image's patches that are looked at.
    """

    patches: torch.Tensor
    origin: torch.Tensor
    step: int

    def __call__(self, images: torch.Tensor, _: int) -> torch.Tensor:
        """Return float32 `[n, M]` of images `[n, H, W, C]`."""
        return torch.stack([self._nearest(image[:: self.step, :: self.step]) for image in images])

    def _nearest(self, lattice: torch.Tensor) -> torch.Tensor:
        at_a_time = max(1, _PRODUCT_BYTES // (4 * len(self.patches)))
        nearest = torch.full_like(self.patches[:, 0], torch.inf)
        for part in torch.split(lattice.flatten(0, 1) - self.origin, at_a_time):
            products = torch.addmm(part.square().sum(dim=1), self.patches, part.T, alpha=-2.0)
            nearest = torch.minimum(nearest, products.amin(dim=1))
        return nearest


def _lattice(images: int, height: int, width: int) -> int:
    """Return on how fine a lattice the patches of so many images are compared."""
    return _step(height, width, most=min(_PATCHES, _KEPT // (images * _known(images))))


def _known(images: int) -> int:
    """Return how many of the nearest of so many images are kept, 1 at least: an image is no other than itself."""
    return max(1, min(_NEAREST, images - 1))


def _step(height: int, width: int, most: int) -> int:
    """Return the step of the finest lattice on the grid that has at most so many patches, or one patch."""
    for step in range(1, max(height, width)):
        if -(-height // step) * -(-width // step) <= most:
            return step
    return max(height, width)


def _lowest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Return which `count` of the scores are lowest, bool; of equals the first."""
    chosen = torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
    chosen[scores.argsort(stable=True)[:count]] = True
    return chosen
