"""SPADE: the training images most like a new one, and how far its patches are from all of theirs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch

from patchsieve.bank import NearestNeighbours
from patchsieve.bank.screening import Encoded, Screen, sampling_step
from patchsieve.detectors.base import Detector
from patchsieve.detectors.budget import Budget
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress, staged

_POOLED_AT_A_TIME = 16
# Features of the gallery that one search looks through; its index takes several times as much.
_SEARCHED_BYTES = 64 * 2**20
# The gallery in memory, once more as searches encode it, as it is gathered for the file, and as it is written.
_COPIES = 4


@dataclass(kw_only=True, eq=False, repr=False)
class SPADE(Detector):
    """SPADE (Cohen and Hoshen 2020, arXiv 2005.02357).

    The features of the training images are kept as they are, the gallery. With f an image's deepest layer averaged
    over all positions, and N_K the K training images whose f is nearest:

        image score  = mean over n in N_K of |f - f_n|
        patch score  = mean over the κ nearest of all patches, at any position, of the images in N_K of |p - b|

    Image scores and maps are two things here: the image score is not the largest patch score. Distances are
    Euclidean, as for all detectors; the paper writes their squares. Its f comes from the last layer of the network;
    here it is the deepest of `layers`, which are read anyway. Where `dims` has mixed the layers, all channels count.
    Patches are not averaged over their neighbourhood, so `patch_size` is 1.

    Attributes:
        neighbour_images: K; all images where there are no more.
        neighbour_patches: κ.
        gallery_size: the most training images that are kept; None for as many as the memory budget holds. Where
            there are more, so many are chosen at random.
        gallery_: `[G, H, W, C]`, the features of the images kept, in memory or in a file.
        pooled_: float32 `[G, D]`, f of each.

    Example:
        >>> SPADE(neighbour_images=20).get_params()["neighbour_patches"]
        1
    """

    system: ClassVar[str] = "spade"

    patch_size: int = 1
    neighbour_images: int = 50
    neighbour_patches: int = 1
    gallery_size: int | None = None

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        for name in ("neighbour_images", "neighbour_patches", "gallery_size"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ConfigError(f"{name} is {number}: it must be at least 1")

    def kept(self, images: int, shape: tuple[int, int, int], budget: Budget) -> int:
        """Return how many of so many training images, each of `shape` (H, W, C), the gallery keeps."""
        height, width, channels = shape
        left = budget.left(images * height * width, 0)
        fitting = max(1, left // (_COPIES * 4 * height * width * channels))
        return min(images, fitting, self.gallery_size or images)

    def model_memory(self, images: int, shape: tuple[int, int, int], budget: Budget) -> tuple[str, int]:
        """See `Detector.model_memory`."""
        height, width, channels = shape
        kept = self.kept(images, shape, budget)
        return f"gallery of {kept} images", _COPIES * 4 * kept * height * width * channels

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: the gallery shrinks with the images."""
        copy = super().for_fewer(images, total)
        if self.gallery_size is not None:
            copy.set_params(gallery_size=-(-self.gallery_size * images // total))
        return copy

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        images, *shape = features.shape
        kept = self.kept(images, tuple(shape), self.budget(features.device))  # type: ignore[arg-type]
        if kept < images:
            chosen = np.random.default_rng(self.seed).choice(images, size=kept, replace=False)
            features = features.take(np.sort(chosen))
        self.gallery_ = features
        deep = features.layer_channels[-1]
        screen = _screen(features)
        with staged(progress, "pooling the images", kept) as stage:
            pooled, encoded = [], []
            for batch in features.batches(_POOLED_AT_A_TIME):
                pooled.append(_pooled(batch, deep))
                encoded.append(screen.encode(batch.flatten(0, 2)))
                stage.advance(len(batch))
        self.pooled_ = torch.cat(pooled)
        self._screened = screen, Encoded.joined(encoded)

    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`."""
        pooled = _pooled(features, self.pooled_.shape[1])
        # Differences, not products: these lose digits where an image is much like another.
        apart = torch.cdist(pooled, self.pooled_, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = apart.topk(min(self.neighbour_images, len(self.pooled_)), dim=1, largest=False)
        # Images with the same neighbours are searched for together; with a small gallery, all of them.
        together = nearest.indices.sort(dim=1).values
        groups, group_of = torch.unique(together, dim=0, return_inverse=True)
        patch_scores = features.new_empty(features.shape[:3])
        for group, neighbours in enumerate(groups):
            members = group_of == group
            patches = features[members].flatten(0, 2)
            patch_scores[members] = self._patch_scores(patches, neighbours).view(-1, *features.shape[1:3])
        return nearest.values.mean(dim=1), patch_scores

    def _patch_scores(self, patches: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
        """Return float32 `[P]` of patches `[P, C]` among those of the images `neighbours` of the gallery."""
        nearest = patches.new_empty(len(patches), 0)
        for known in self._searched(neighbours):
            found, _ = known.search(patches, min(self.neighbour_patches, len(known.points)))
            together = torch.cat([nearest, found], dim=1)
            nearest = together.topk(
                min(self.neighbour_patches, together.shape[1]), dim=1, largest=False
            ).values
        return nearest.mean(dim=1)

    def _searched(self, images: torch.Tensor) -> Iterator[NearestNeighbours]:
        """Yield indices of the patches of these images of the gallery, of as many as one search takes."""
        _, height, width, channels = self.gallery_.shape
        together = max(1, _SEARCHED_BYTES // (4 * height * width * channels))
        places = torch.arange(height * width, device=images.device)
        screen, encoded = self._screened
        for part in torch.split(images, together):
            patches = self.gallery_.take(part.cpu().numpy()).tensor().flatten(0, 2)
            rows = (part[:, None] * height * width + places).flatten()
            yield NearestNeighbours(patches, (screen, encoded[rows]))

    def _state(self) -> dict[str, torch.Tensor]:
        return {"gallery.features": self.gallery_.tensor(), "gallery.pooled": self.pooled_}

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        self.gallery_ = PatchFeatures(tensors["gallery.features"].to(device))
        self.pooled_ = tensors["gallery.pooled"].to(device)
        screen = _screen(self.gallery_)
        self._screened = screen, screen.encode(self.gallery_.tensor().flatten(0, 2))


def _pooled(features: torch.Tensor, deep: int) -> torch.Tensor:
    """Return the last `deep` channels of `[B, H, W, C]`, averaged over all positions: `[B, deep]`."""
    return features[..., -deep:].mean(dim=(1, 2))


def _screen(gallery: PatchFeatures) -> Screen:
    """Return the screen of all searches, made from a sample of the gallery as it is of a bank."""
    images, height, width, _ = gallery.shape
    total = images * height * width
    sample = torch.arange(0, total, sampling_step(total), device=gallery.device)
    return Screen(gallery.patches(sample))
