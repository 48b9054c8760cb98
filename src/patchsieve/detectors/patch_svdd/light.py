"""Pixels rid of the light that they were taken in, which is what the encoder sees."""

import torch
from torch.nn import functional

# Pixels along the window whose mean and contrast are taken from a pixel: that of a large patch, and one for a middle.
WINDOW = 65
# What contrast is never less than, of colours from -1 to 1: one step of eight bits. Where there is none, only the
# camera's noise would be made large.
_FAINTEST = 2 / 255


def evened(images: torch.Tensor) -> torch.Tensor:
    """Standardise each pixel by the window around it: less the mean, over the mean absolute deviation.

    A lamp that is brighter, nearer or at an angle changes both alike over a window, and is gone; so is what a shadow
    takes from the contrast of a surface. The colours of a pixel are divided by the same, and stay what they are to
    each other. Squares would let a defect decide the contrast of all that is around it. At the border of the image,
    the window is what there is of it.

    Args:
        images: colours from -1 to 1, float32 `[B, 3, h, w]`, h and w at least half a window.

    Returns:
        float32 `[B, 3, h, w]`, with mean about 0 and mean absolute value about 1 around each pixel.
    """
    apart = images - _around(images)
    contrast = _around(apart.abs().mean(dim=1, keepdim=True))
    return apart / contrast.clamp_min(_FAINTEST)


def _around(maps: torch.Tensor) -> torch.Tensor:
    rows = functional.avg_pool2d(
        maps, (WINDOW, 1), stride=1, padding=(WINDOW // 2, 0), count_include_pad=False
    )
    return functional.avg_pool2d(
        rows, (1, WINDOW), stride=1, padding=(0, WINDOW // 2), count_include_pad=False
    )
