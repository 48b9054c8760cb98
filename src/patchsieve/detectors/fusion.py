"""Scores of several detectors on one scale, made one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

FUSIONS = ("mean", "max")


@dataclass(frozen=True, slots=True)
class Scale:
    """Where scores lie and how far they spread; outliers hardly move either.

    Attributes:
        centre: their median.
        spread: their median absolute deviation from it, positive.
    """

    centre: float
    spread: float

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32]) -> "Scale":
        """Measure scores of any shape, at least one."""
        centre = np.median(scores)
        away = np.abs(scores - centre)
        # Where more than half of them are equal, the rest has to do; where all are, any unit.
        return cls(float(centre), float(np.median(away)) or float(away.mean(dtype=np.float64)) or 1.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The scales of a detector, from scores of training images that it had not seen.

    Attributes:
        images: of its image scores.
        patches: of its patch scores.
    """

    images: Scale
    patches: Scale

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32], maps: torch.Tensor) -> "Calibration":
        """Measure image scores float32 `[N]` and patch scores float32 `[N, h, w]`."""
        return cls(Scale.of(scores), Scale.of(maps.numpy()))

    def tensor(self) -> torch.Tensor:
        """Return float64 `[4]` for the model file."""
        numbers = (self.images.centre, self.images.spread, self.patches.centre, self.patches.spread)
        return torch.tensor(numbers, dtype=torch.float64)

    @classmethod
    def restored(cls, tensor: torch.Tensor) -> "Calibration":
        """Rebuild from what `tensor` gave."""
        centre, spread, patch_centre, patch_spread = tensor.tolist()
        return cls(Scale(centre, spread), Scale(patch_centre, patch_spread))


def fuse(scores: Sequence[torch.Tensor], scales: Sequence[Scale], fusion: str) -> torch.Tensor:
    """Fuse scores of one shape by several detectors, in the units of the first.

    Args:
        scores: of each detector, float32 of any one shape.
        scales: of each detector.
        fusion: ``mean`` or ``max`` of the scores on a common scale.
    """
    standard = torch.stack(
        [(each - scale.centre) / scale.spread for each, scale in zip(scores, scales, strict=True)]
    )
    fused = standard.mean(dim=0) if fusion == "mean" else standard.amax(dim=0)
    return scales[0].centre + scales[0].spread * fused


def fuse_maps(maps: Sequence[torch.Tensor], scales: Sequence[Scale], fusion: str) -> torch.Tensor:
    """Fuse patch scores float32 `[B, h_i, w_i]`, brought to the finest of the grids."""
    height, width = max(each.shape[1] for each in maps), max(each.shape[2] for each in maps)
    return fuse([_resized(each, height, width) for each in maps], scales, fusion)


def _resized(patch_scores: torch.Tensor, height: int, width: int) -> torch.Tensor:
    if patch_scores.shape[1:] == (height, width):
        return patch_scores
    return functional.interpolate(
        patch_scores[:, None], size=(height, width), mode="bilinear", align_corners=False
    )[:, 0]
