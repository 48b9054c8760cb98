"""Patch SVDD: distances to the patches of the training images, seen by an encoder that was trained on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch.nn import functional

from patchsieve.bank import NearestNeighbours
from patchsieve.detectors.budget import Budget
from patchsieve.detectors.patch_svdd.encoder import LARGE, SMALL, STEP, HierarchicalEncoder
from patchsieve.detectors.patch_svdd.lessons import PatchNetwork, ViewLessons
from patchsieve.detectors.patch_svdd.light import evened
from patchsieve.detectors.trained import TrainedDetector, seeded, split_images
from patchsieve.errors import ConfigError, ModelFileError
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress, staged

# Pixels between patches when images are scored, as in the paper.
SMALL_STRIDE, LARGE_STRIDE = 4, 16
# Room for a view of 128 pixels and its moves; and large patches reach the end only where their stride divides the side.
_SMALLEST = 144
_ENCODED = 8
Banks = tuple[NearestNeighbours, NearestNeighbours]


@dataclass(kw_only=True, eq=False, repr=False)
class PatchSVDD(TrainedDetector):
    """Patch SVDD (Yi and Yoon, ACCV 2020, arXiv 2006.16067).

    It needs no backbone: an encoder f of patches of 32 pixels, and of 64 pixels made of four of those, is trained on
    the images themselves (see `HierarchicalEncoder`), in light that was evened (see `evened`). With p and p' patches a
    pixel or two apart, and p1 and p2 such that p2 lies next to p1 in direction y of eight, the loss is, for both sizes
    together (equations 4 to 6; the last term is not in the paper, see `volume_loss`),

        L = mean cross-entropy( y, g(f(p1) - f(p2)) )  +  lambda mean |f(p) - f(p')|_2  -  mu log det cov(f) / D

    with g a classifier. A patch's score is the distance of its vector to the nearest one of the training images,
    for patches of 64 pixels every 16 and of 32 every 4; a pixel has the mean score of the patches that it lies in.
    The maps of both sizes are multiplied, and an image's score is the largest value of the product.

    Attributes:
        backbone: ``pixels``; no other.
        image_size: both sides multiples of 16, at least 144.
        training_batch: images of one step, with 2401 small and 1089 large pairs of near patches each.
        svdd_weight: lambda.
        volume_weight: mu.
        code_dims: of the vectors, D.
        bank_size: the most vectors of training patches that are kept of each size, chosen at random; None for all.
        encoder_: the trained encoder.
        banks_: vectors of the training patches, small and large.
    """

    system: ClassVar[str] = "patch_svdd"

    backbone: str = "pixels"
    image_size: int | tuple[int, int] = 192
    crop: int | tuple[int, int] | None = None
    patch_size: int = 1
    epochs: int = 15
    epoch_steps: int = 16
    training_batch: int = 4
    svdd_weight: float = 0.1
    volume_weight: float = 0.1
    code_dims: int = 64
    bank_size: int | None = 20_000

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        for name in ("svdd_weight", "volume_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} is {getattr(self, name)}: it must be at least 0")
        if self.code_dims < 1:
            raise ConfigError(f"code_dims is {self.code_dims}: it must be at least 1")
        if self.tile is not None:
            raise ConfigError("patch_svdd looks at every pixel of an image of any size: leave tile out")
        if self.bank_size is not None and self.bank_size < 1:
            raise ConfigError(f"bank_size is {self.bank_size}: it must be at least 1, or none")

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: the cap on the banks shrinks with the images: no denser than the whole."""
        copy = super().for_fewer(images, total)
        if self.bank_size is not None:
            copy.set_params(bank_size=ceil(self.bank_size * images / total))
        return copy

    def model_memory(self, images: int, shape: tuple[int, int, int], budget: Budget) -> tuple[str, int]:  # noqa: ARG002
        """See `Detector.model_memory`."""
        grids = (_grid(shape[0], shape[1], size, stride) for size, stride in _SCALES)
        vectors = sum(self._kept(images * rows * columns) for rows, columns in grids)
        # The vectors themselves and what the search keeps of them.
        return "vectors of training patches", 4 * vectors * self.code_dims * 4

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        _require_pixels(features.shape)
        trained_on, held_out = split_images(len(features), self.validation_share, self.seed)
        with seeded(self.seed):
            network = PatchNetwork(self.code_dims).to(features.device)
        lessons = ViewLessons(
            network,
            features.take(trained_on),
            features.take(held_out),
            batch=self.training_batch,
            svdd_weight=self.svdd_weight,
            volume_weight=self.volume_weight,
            seed=self.seed,
        )
        self.train(network, lessons, features, progress)
        self.encoder_ = network.encoder
        self.banks_ = self._build_banks(features, progress)

    @torch.inference_mode()
    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`; the patch scores are on a grid of h / 4 x w / 4."""
        patch_scores = features.new_ones(())
        for vectors, bank, (size, stride) in zip(self._encode(features), self.banks_, _SCALES, strict=True):
            distances = bank.search(vectors.reshape(-1, vectors.shape[3]))[0][:, 0]
            patch_scores = patch_scores * spread(distances.view(vectors.shape[:3]), size, stride)
        return patch_scores.flatten(1).amax(dim=1), patch_scores

    def _encode(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the vectors of the small and large patches of `[B, h, w, 3]`, each `[B, rows, columns, D]`."""
        every = self.encoder_.small_patches(evened(features.permute(0, 3, 1, 2)))
        small = every[:, :, :: SMALL_STRIDE // STEP, :: SMALL_STRIDE // STEP]
        quarters = every[:, :, :: LARGE_STRIDE // STEP, :: LARGE_STRIDE // STEP]
        large = self.encoder_.large_patches(quarters, LARGE_STRIDE)
        return small.permute(0, 2, 3, 1), large.permute(0, 2, 3, 1)

    @torch.inference_mode()
    def _build_banks(self, features: PatchFeatures, progress: Progress) -> Banks:
        images, height, width, _ = features.shape
        random = np.random.default_rng(self.seed)
        grids = [_grid(height, width, size, stride) for size, stride in _SCALES]
        counts = [images * rows * columns for rows, columns in grids]
        chosen = [
            np.sort(random.choice(count, self._kept(count), replace=False, shuffle=False)) for count in counts
        ]
        parts: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
        done = 0
        with staged(progress, "encoding the training patches", images) as stage:
            for batch in features.batches(_ENCODED):
                for vectors, (rows, columns), wanted, part in zip(
                    self._encode(batch), grids, chosen, parts, strict=True
                ):
                    first, last = (place * rows * columns for place in (done, done + len(batch)))
                    here = wanted[(wanted >= first) & (wanted < last)] - first
                    flat = vectors.reshape(-1, self.code_dims)
                    part.append(flat[torch.from_numpy(here).to(flat.device)])
                done += len(batch)
                stage.advance(len(batch))
        return NearestNeighbours(torch.cat(parts[0])), NearestNeighbours(torch.cat(parts[1]))

    def _kept(self, count: int) -> int:
        return count if self.bank_size is None else min(count, self.bank_size)

    def _state(self) -> dict[str, torch.Tensor]:
        weights = {f"encoder.{name}": tensor for name, tensor in self.encoder_.state_dict().items()}
        small, large = (bank.points for bank in self.banks_)
        return {**weights, "bank.small": small, "bank.large": large}

    @classmethod
    def restored(
        cls, path: Path | str, tensors: Mapping[str, torch.Tensor], kept: Mapping[str, Any], *, device: str
    ) -> Self:
        """See `Detector.restored`.

        Raises:
            ModelFileError: its encoder saw pixels as they are, as before light was evened.
        """
        if "volume_weight" not in kept["config"]:
            raise ModelFileError(
                f"{path} was fitted by an older PatchSieve, whose patch_svdd did not even the light before it looked "
                "at an image: fit it again"
            )
        return super().restored(path, tensors, kept, device=device)

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        # The weights that are drawn are overwritten, and shall change nobody's random numbers.
        with seeded(self.seed):
            encoder = HierarchicalEncoder(self.code_dims)
        encoder.load_state_dict(
            {name[8:]: tensor for name, tensor in tensors.items() if name.startswith("encoder.")}
        )
        self.encoder_ = encoder.to(device).eval().requires_grad_(False)
        self.banks_ = (
            NearestNeighbours(tensors["bank.small"].to(device)),
            NearestNeighbours(tensors["bank.large"].to(device)),
        )


_SCALES = ((SMALL, SMALL_STRIDE), (LARGE, LARGE_STRIDE))


def spread(scores: torch.Tensor, size: int, stride: int) -> torch.Tensor:
    """Give each cell of 4 x 4 pixels the mean score of the patches that it lies in.

    Args:
        scores: of patches, float32 `[B, rows, columns]`.
        size: of a patch in pixels.
        stride: pixels from one to the next.

    Returns:
        float32 `[B, h / 4, w / 4]`.
    """
    cells = scores.new_ones(1, 1, size // SMALL_STRIDE, size // SMALL_STRIDE)
    step = stride // SMALL_STRIDE
    total = functional.conv_transpose2d(scores[:, None], cells, stride=step)
    patches = functional.conv_transpose2d(torch.ones_like(scores[:1, None]), cells, stride=step)
    return (total / patches)[:, 0]


def _grid(height: int, width: int, size: int, stride: int) -> tuple[int, int]:
    return (height - size) // stride + 1, (width - size) // stride + 1


def _require_pixels(shape: tuple[int, int, int, int]) -> None:
    _, height, width, channels = shape
    if channels != 3:
        raise ConfigError(
            f"patch_svdd trains on pixels and not on features of {channels} channels: set backbone to pixels"
        )
    if min(height, width) < _SMALLEST or height % LARGE_STRIDE or width % LARGE_STRIDE:
        raise ConfigError(
            f"patch_svdd cannot work on images of {height} x {width} pixels: choose an image_size, or a crop, whose "
            f"sides are multiples of {LARGE_STRIDE} and at least {_SMALLEST}"
        )
