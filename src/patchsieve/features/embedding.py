"""Locally aware patch features: neighbourhoods of several layers, brought to one grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch.nn import functional

from patchsieve.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PatchAggregation:
    """Aggregate each layer over a neighbourhood, bring all to one grid, concatenate the channels.

    Attributes:
        patch_size: side of the neighbourhood that a patch feature averages, odd; 3 in the papers, 1 for none.
        patch_stride: step between patches on each layer's grid, 1 in the papers.
        dims: width of the patch feature after adaptive average pooling over the channels (1024 in the
            reference), None to keep all channels.
        grid: (H, W) patches that all layers are brought to; None for the grid of the finest layer.

    References:
        Roth et al. (2022), section 3.1; the mean stands for its adaptive average pooling. Positions outside
        the map are left out of the mean instead of counting as zeros, so that the border looks like the rest.
    """

    patch_size: int = 3
    patch_stride: int = 1
    dims: int | None = None
    grid: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.patch_size < 1 or self.patch_size % 2 == 0:
            raise ConfigError(
                f"patch_size is {self.patch_size}: it must be odd, so that a patch has a centre"
            )
        if self.patch_stride < 1:
            raise ConfigError(f"patch_stride is {self.patch_stride}: it must be at least 1")
        if self.dims is not None and self.dims < 1:
            raise ConfigError(f"dims is {self.dims}: it must be at least 1")
        if self.grid is not None and min(self.grid) < 1:
            raise ConfigError(f"grid is {self.grid}: it must be at least 1 patch high and wide")

    def __call__(self, layers: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return float32 `[B, H, W, C]` from one float32 `[B, C_i, h_i, w_i]` per layer."""
        pooled = [self._neighbourhood(layer) for layer in layers]
        grid = self.grid or max((_grid(layer) for layer in pooled), key=prod)
        patches = torch.cat([_resized(layer, grid) for layer in pooled], dim=1).permute(0, 2, 3, 1)
        if self.dims is not None and self.dims != patches.shape[3]:
            batch, height, width, channels = patches.shape
            patches = functional.adaptive_avg_pool1d(
                patches.reshape(batch, height * width, channels), self.dims
            )
            patches = patches.view(batch, height, width, self.dims)
        return patches.contiguous()

    def _neighbourhood(self, layer: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool2d(
            layer, self.patch_size, self.patch_stride, padding=self.patch_size // 2, count_include_pad=False
        )


def _grid(layer: torch.Tensor) -> tuple[int, int]:
    return layer.shape[2], layer.shape[3]


def _resized(layer: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Return `[B, C, h, w]` on another grid, bilinear; from a finer one averaged, so that no position is lost."""
    if _grid(layer) == grid:
        return layer
    finer = prod(_grid(layer)) > prod(grid)
    return functional.interpolate(layer, size=grid, mode="bilinear", align_corners=False, antialias=finer)
