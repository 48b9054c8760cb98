"""The encoder of patches, small ones of 32 pixels and large ones of 64 that are made of four small ones."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

SMALL, LARGE = 32, 64
# The first convolution goes in steps of two pixels: the encoder gives one vector for every second patch.
STEP = 2
_WIDTHS = (3, 32, 64, 128, 128, 64, 32, 32)
_JOINED = 128
SLOPE = 0.1


class HierarchicalEncoder(nn.Module):
    """Vectors for all patches of an image in one pass.

    The encoder of a small patch has eight convolutions of 3 x 3 without padding, 32 pixels to one vector. That of a
    large patch joins the vectors of its four quarters, which are small patches, by two more. Both end in tanh. Run over
    a whole image, convolutions give the vector of every patch at an even place at once, and the same one as for the
    patch alone.

    Args:
        dims: of the vectors, D.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        widths = (*_WIDTHS, dims)
        self.small = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=STEP if index == 0 else 1)
            for index, (before, after) in enumerate(pairwise(widths))
        )
        self.join = nn.Conv2d(dims, _JOINED, 2)
        self.project = nn.Conv2d(_JOINED, dims, 1)

    def small_patches(self, images: torch.Tensor) -> torch.Tensor:
        """Return the vectors of all small patches of images float32 `[B, 3, h, w]`.

        Returns:
            float32 `[B, D, (h - 32) // 2 + 1, (w - 32) // 2 + 1]`; row i, column j is the patch whose upper left pixel
            is (2 i, 2 j).
        """
        maps = images
        for index, convolution in enumerate(self.small):
            maps = convolution(maps if index == 0 else functional.leaky_relu(maps, SLOPE))
        return maps.tanh()

    def large_patches(self, small: torch.Tensor, step: int = STEP) -> torch.Tensor:
        """Return the vectors of large patches from those of small ones, `[B, D, H, W]`, `step` pixels apart.

        Returns:
            float32 `[B, D, H - 32 / step, W - 32 / step]`, as far apart.
        """
        quarters = functional.conv2d(small, self.join.weight, self.join.bias, dilation=SMALL // step)
        joined: torch.Tensor = self.project(functional.leaky_relu(quarters, SLOPE))
        return joined.tanh()
