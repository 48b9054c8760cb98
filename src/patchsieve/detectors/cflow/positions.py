"""Where a patch is, as a vector: sines and cosines of the row and the column."""

import torch

# Wavelengths run from 2 pi patches to nearly this many times 2 pi.
_LONGEST = 10_000.0


def position_encoding(height: int, width: int, channels: int) -> torch.Tensor:
    """Return the two-dimensional sinusoidal encoding of a grid of patches.

    With D = channels / 2 and the frequencies f_i = 10000^(-2i / D), i = 0 ... D/2 - 1, the vector at row y and
    column x is

        (sin x f_0, cos x f_0, sin x f_1, ...,   sin y f_0, cos y f_0, sin y f_1, ...)

    Args:
        height: rows of the grid.
        width: columns of the grid.
        channels: a multiple of 4.

    Returns:
        float32 `[height * width, channels]`, row by row.
    """
    half = channels // 2
    frequencies = _LONGEST ** (-torch.arange(0, half, 2, dtype=torch.float64) / half)
    along_x = _waves(width, frequencies)[None].expand(height, -1, -1)
    along_y = _waves(height, frequencies)[:, None].expand(-1, width, -1)
    return torch.cat([along_x, along_y], dim=2).reshape(height * width, channels).float()


def _waves(length: int, frequencies: torch.Tensor) -> torch.Tensor:
    """Return sine and cosine in turns, float64 `[length, 2 F]`."""
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
