"""From patch scores to an anomaly map in the model frame: bilinear upsampling, then Gaussian smoothing."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter1d
from torch.nn import functional

# Maps that are made at a time where only their highest value is wanted.
_BATCH = 64


class MapSmoother:
    """Upsample and smooth in one step.

    Both are linear and work along rows and columns apart, so together they are two small matrices:
    map = A P B', with A `[h, H]` the composition of upsampling H patches to h pixels and smoothing them.

    Attributes:
        down: A, float32 `[h, H]`.
        across: B', float32 `[W, w]`.

    Args:
        grid: (H, W) patches.
        frame: (h, w) pixels of the model frame.
        sigma: standard deviation of the Gaussian in pixels of the frame, 4 in the papers; 0 for none.
    """

    def __init__(self, grid: tuple[int, int], frame: tuple[int, int], sigma: float) -> None:
        self.down = _operator(grid[0], frame[0], sigma)
        self.across = _operator(grid[1], frame[1], sigma).T.contiguous()

    def __call__(self, patch_scores: torch.Tensor) -> torch.Tensor:
        """Return float32 `[B, h, w]` from float32 `[B, H, W]`."""
        return self.down.to(patch_scores.device) @ patch_scores @ self.across.to(patch_scores.device)


def highest(patch_scores: torch.Tensor, smooth: MapSmoother) -> npt.NDArray[np.float32]:
    """Return the highest value of each map, float32 `[N]`, from patch scores float32 `[N, H, W]` of any number."""
    blocks = torch.split(patch_scores, _BATCH)
    parts = [smooth(block).flatten(1).amax(dim=1).cpu().numpy() for block in blocks]
    return np.concatenate(parts)


# Every image of a model asks for the same.
@lru_cache(maxsize=64)
def _operator(patches: int, pixels: int, sigma: float) -> torch.Tensor:
    identity = torch.eye(patches, dtype=torch.float64)[None]
    upsampled = functional.interpolate(identity, size=pixels, mode="linear", align_corners=False)[0].T.numpy()
    if sigma > 0:
        upsampled = gaussian_filter1d(upsampled, sigma, axis=0, mode="reflect")
    return torch.from_numpy(upsampled.copy()).float()
