"""SoftPatch with patch quality: a bank that trusts its patches by how they look, and follows the line."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch

from patchsieve.bank import MemoryBank, NearestNeighbours, WeightedNeighbours
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.training import require_others
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress
from patchsieve.sieve import SAMPLED, Mutual, PatchQuality, averaged_over_time

WEIGHTINGS = ("softmax", "normalised", "none")
# Nothing pulls less: a bank patch that pulled not at all would not be in the bank.
_LEAST_PULL = 0.05
# A position's threshold is at most this many times as high, or as low, as another's.
_MOST_LENIENT = 2.0
# Images that an update takes in at a time, and bank patches that the usual distance is measured on.
_BATCH = 16
_SAMPLE = 2000
_TINY = 1e-12


@dataclass(kw_only=True, eq=False, repr=False)
class QualitySoftPatch(BankDetector):
    """Quality-weighted, online SoftPatch.

    Every training patch has a quality q (`patchsieve.sieve.PatchQuality`): 2 to the power of minus the mean of three
    distances, to its spatial neighbours, to the mean of its position and to the k-th nearest other image, each as a
    multiple of its median. Typical is 0.5; an outlier is near 0. Qualities are smoothed over the grid and averaged over
    the images in their order. No patch is sieved out. From q comes the pull w(m) of a bank patch m, at most 1:

        softmax:     w = N exp(q / T) / sum over all N training patches of exp(q / T)
        normalised:  w = q / mean of q

    For each layer l of the backbone, s_l(p) = min over m of |p_l - m_l| / w(m), in multiples of the layer's usual
    distance of two bank patches; the score of a patch is the mean over the layers, divided by how lenient the threshold
    is at its position, t = (mean quality / quality of the position)^a, between 1/2 and 2. The image's is the largest.

    `update` follows the line: quality and mean of each position are exponential moving averages over the images, and so
    are the bank patches: new patches within the bank's spacing draw the nearest towards them, at the same rate times
    their own pull, and its pull towards theirs. What is farther enters as in `BankDetector.update`. The origin of a
    bank patch stays that of the patch it began as.

    Where the write-up goes wrong, this does what it means. It multiplies distances by quality, by which good patches
    seem farther: here low quality divides. Its softmax over all patches makes every weight tiny: here the mean is 1.
    It takes one square image: here are N, of any shape.

    Attributes:
        weighting: ``softmax``, ``normalised`` or ``none``.
        temperature: T; lower tells qualities further apart.
        quality_sigma: smoothing of quality over the grid, in patches; 0 for none.
        quality_share: of the moving average of its position in a patch's quality, 0 for none.
        update_rate: of the moving averages.
        local_threshold: a; 0 for the same threshold everywhere.
        mutual_k: which nearest other image the density is measured to.
        mutual_patches: the most patches, of all images together, that density is measured with.
        quality_: what quality is measured by.
        position_quality_: float32 `[H, W]`, its moving average.
        level_: what exp(q / T), or q, is divided by.
        layer_channels_: how many channels each layer has.
        layer_scales_: float32 `[L]`, each layer's usual distance of two bank patches.
    """

    system: ClassVar[str] = "quality_softpatch"

    weighting: str = "softmax"
    temperature: float = 0.2
    quality_sigma: float = 0.5
    quality_share: float = 0.2
    update_rate: float = 0.1
    local_threshold: float = 0.5
    mutual_k: int = 3
    mutual_patches: int = SAMPLED

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        if self.weighting not in WEIGHTINGS:
            raise ConfigError(
                f"there is no weighting {self.weighting!r}; choose one of {', '.join(WEIGHTINGS)}"
            )
        if not self.temperature > 0:
            raise ConfigError(f"temperature is {self.temperature}: it must be above 0, e.g. 0.2")
        for name in ("quality_sigma", "local_threshold"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} is {getattr(self, name)}: it must be 0 or above")
        if not 0 <= self.quality_share <= 1:
            raise ConfigError(f"quality_share is {self.quality_share}: it must be at least 0 and at most 1")
        if not 0 < self.update_rate <= 1:
            raise ConfigError(f"update_rate is {self.update_rate}: it must be above 0 and at most 1")
        self._density()

    def _density(self) -> Mutual:
        return Mutual.checked(self.mutual_k, self.mutual_patches, self.seed)

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: with very few images a nearer other image counts.

        Raises:
            ImagesError: one image alone is left; there is no other.
        """
        require_others(images, total, self.system, "measures these by each other")
        copy = super().for_fewer(images, total)
        return copy.set_params(mutual_k=min(self.mutual_k, images - 1))  # type: ignore[no-any-return]

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        self.quality_, qualities = PatchQuality.learn(
            features, self._density(), self.quality_sigma, progress=progress
        )
        qualities, self.position_quality_ = averaged_over_time(
            qualities, qualities.median(dim=0).values, rate=self.update_rate, share=self.quality_share
        )
        self.level_ = float(self._raw(qualities).mean())
        self.layer_channels_ = features.layer_channels
        self.bank_ = self.build_bank(features, progress, weights=self._pulls(qualities))
        self.layer_scales_ = torch.stack([_spacing(part) for part in self._layers(self.bank_.features)])

    def _raw(self, qualities: torch.Tensor) -> torch.Tensor:
        if self.weighting == "softmax":
            return torch.exp(qualities / self.temperature)
        return qualities if self.weighting == "normalised" else torch.ones_like(qualities)

    def _pulls(self, qualities: torch.Tensor) -> torch.Tensor:
        return (self._raw(qualities) / self.level_).clamp(min=_LEAST_PULL, max=1.0)

    def _layers(self, patches: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(part.contiguous() for part in torch.split(patches, list(self.layer_channels_), dim=-1))

    def scored(
        self, features: torch.Tensor, unseen: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `BankDetector.scored`."""
        fused = torch.zeros(features.shape[:3], device=features.device)
        searches = self._searches()
        if unseen is not None:
            searches = [search.without(unseen) for search in searches]
        for part, search, scale in zip(self._layers(features), searches, self.layer_scales_, strict=True):
            fused += search.search(part.flatten(0, 2))[0].view_as(fused) / scale / len(searches)
        patch_scores = fused / self.leniency()
        return patch_scores.flatten(1).amax(dim=1), patch_scores

    def leniency(self) -> torch.Tensor:
        """Return how many times as high the threshold is at each position, float32 `[H, W]`."""
        quality = self.position_quality_
        lenient = (quality.mean() / quality) ** self.local_threshold
        return lenient.clamp(1 / _MOST_LENIENT, _MOST_LENIENT)

    def _searches(self) -> list[WeightedNeighbours]:
        """Return the search of each layer of the bank as it is now."""
        made: tuple[MemoryBank, list[WeightedNeighbours]] | None = getattr(self, "_made", None)
        if made is None or made[0] is not self.bank_:
            pulls = self.bank_.weights
            assert pulls is not None, "learn gives every bank patch a pull"
            made = self.bank_, [WeightedNeighbours(part, pulls) for part in self._layers(self.bank_.features)]
            self._made = made
        return made[1]

    def learn_more(self, features: PatchFeatures, seen: int, progress: Progress = SILENT) -> None:
        """See `BankDetector.learn_more`."""
        for images in features.batches(_BATCH):
            self._follow(images)
        super().learn_more(features, seen, progress)

    def _follow(self, images: torch.Tensor) -> None:
        """Move the averages and the bank towards images float32 `[B, H, W, C]`."""
        patches = images.flatten(0, 2)
        found, nearest = self.bank_.index.search(patches)
        distances, spacing = found[:, 0], self.bank_.spacing
        # The bank stands where the other images stood: a patch at its spacing is typical.
        apart = distances.view(images.shape[:3]) / max(spacing, _TINY) * self.quality_.typical[2]
        qualities, self.position_quality_ = averaged_over_time(
            self.quality_.of(images, apart),
            self.position_quality_,
            rate=self.update_rate,
            share=self.quality_share,
        )
        mean = self.quality_.mean
        for image in images:
            mean = torch.lerp(mean, image, self.update_rate)
        self.quality_ = replace(self.quality_, mean=mean)
        near = distances <= spacing
        self.bank_ = self._drawn(patches[near], nearest[near, 0], self._pulls(qualities).flatten()[near])

    def _drawn(self, patches: torch.Tensor, nearest: torch.Tensor, pulls: torch.Tensor) -> MemoryBank:
        """Return the bank with each patch drawn towards the new ones `[Q, C]` that it is nearest to."""
        bank = self.bank_
        assert bank.weights is not None, "learn gives every bank patch a pull"
        count = torch.zeros_like(bank.weights).index_add_(0, nearest, torch.ones_like(pulls))
        # As far as count steps of the moving average go, taken one after the other towards their mean.
        rate = (1 - (1 - self.update_rate) ** count) / count.clamp(min=1)
        steps = (patches - bank.features[nearest]) * pulls[:, None]
        moved = torch.zeros_like(bank.features).index_add_(0, nearest, steps)
        changed = torch.zeros_like(bank.weights).index_add_(0, nearest, pulls - bank.weights[nearest])
        return replace(
            bank, features=bank.features + rate[:, None] * moved, weights=bank.weights + rate * changed
        )

    def _state(self) -> dict[str, torch.Tensor]:
        return {
            **super()._state(),
            "quality.mean": self.quality_.mean,
            "quality.typical": self.quality_.typical,
            "quality.position": self.position_quality_,
            "quality.level": torch.tensor([self.level_], dtype=torch.float64),
            "quality.layer_channels": torch.tensor(self.layer_channels_),
            "quality.layer_scales": self.layer_scales_,
        }

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        super()._restore(tensors, device)
        self.quality_ = PatchQuality(
            tensors["quality.mean"].to(device), tensors["quality.typical"].to(device), self.quality_sigma
        )
        self.position_quality_ = tensors["quality.position"].to(device)
        self.level_ = float(tensors["quality.level"])
        self.layer_channels_ = tuple(tensors["quality.layer_channels"].tolist())
        self.layer_scales_ = tensors["quality.layer_scales"].to(device)


def _spacing(points: torch.Tensor) -> torch.Tensor:
    """Return the median distance of points `[M, C]` to the nearest other, above 0, from a sample of them."""
    if len(points) < 2:
        return points.new_tensor(1.0)
    sample = points[:: max(1, len(points) // _SAMPLE)]
    median = NearestNeighbours(points).search(sample, k=2)[0][:, 1].median()
    return torch.where(median > 0, median, torch.ones_like(median))
