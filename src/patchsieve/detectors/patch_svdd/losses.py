"""What the encoder is trained by: near patches alike, neighbours told from each other, and no direction left empty."""

import torch
from torch import nn
from torch.nn import functional

from patchsieve.detectors.patch_svdd.encoder import SLOPE

# The eight neighbours, (down, right), in the order of the classes.
DIRECTIONS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_HIDDEN = 128
# Added to the variances of vectors, which go from -1 to 1: the volume of vectors that are all alike is finite.
_LEAST_VARIANCE = 1e-4


def svdd_loss(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the mean distance of the vectors of near patches, both `[B, D, H, W]` (equation 4 of the paper)."""
    distances: torch.Tensor = torch.linalg.vector_norm(one - other, dim=1)
    return distances.mean()


def volume_loss(vectors: torch.Tensor) -> torch.Tensor:
    """Return minus the mean logarithm of the variances of vectors `[B, D, H, W]` along their principal axes.

    Where the position is told by one or two numbers, such as how the light falls, or cannot be told at all, as on an
    even surface, nothing else would keep the encoder from giving all patches vectors on a line, or the same one.
    """
    flat = vectors.transpose(0, 1).flatten(1)
    floor = _LEAST_VARIANCE * torch.eye(len(flat), device=flat.device)
    return -torch.logdet(torch.cov(flat).reshape(len(flat), -1) + floor) / len(flat)


class PositionClassifier(nn.Module):
    """Tell from the vectors of two patches in which of eight directions the second lies from the first.

    Args:
        dims: of the vectors, D.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dims, _HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(_HIDDEN, len(DIRECTIONS)),
        )

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the logits of the directions, `[K, 8]`, from vectors `[K, D]`."""
        logits: torch.Tensor = self.layers(first - second)
        return logits

    def loss(self, one: torch.Tensor, other: torch.Tensor, pairs: "NeighbourPairs") -> torch.Tensor:
        """Return the mean cross-entropy of the directions of pairs (equation 5).

        Args:
            one: vectors `[B, D, H, W]` that the first patches are taken from.
            other: likewise, of the second.
            pairs: which.
        """
        first, second = pairs.vectors(one, other)
        return functional.cross_entropy(self.forward(first, second), pairs.directions.to(first.device))


class NeighbourPairs:
    """Pairs of places, drawn at random, the second in one of eight directions from the first.

    It is at least three quarters of the side of a patch away, and less than a whole side, downwards or upwards, to the
    right or to the left, or both.

    Args:
        images: B.
        grid: (H, W) of the places.
        side: of a patch, in steps of the grid.
        count: how many pairs of each image.
        random: where they are drawn from.

    Attributes:
        images: int64 `[K]`, K = B x count.
        first: int64 `[K, 2]`, (row, column) of the first patch.
        second: int64 `[K, 2]`.
        directions: int64 `[K]`, index into `DIRECTIONS`.
    """

    def __init__(
        self, images: int, grid: tuple[int, int], side: int, count: int, random: torch.Generator
    ) -> None:
        pairs = images * count
        self.images = torch.arange(images).repeat_interleave(count)
        self.directions = torch.randint(len(DIRECTIONS), (pairs,), generator=random)
        distance = 3 * side // 4 + torch.randint(side - 3 * side // 4, (pairs, 2), generator=random)
        moves = torch.tensor(DIRECTIONS)[self.directions] * distance
        # Only where the second patch lies in the image too.
        lowest = (-moves).clamp_min(0)
        room = torch.tensor(grid) - moves.abs()
        self.first = lowest + (torch.rand(pairs, 2, generator=random) * room).long()
        self.second = self.first + moves

    def vectors(self, one: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the vectors `[K, D]` of the first patches in `one` and of the second in `other`, `[B, D, H, W]`."""
        return (
            one[self.images, :, self.first[:, 0], self.first[:, 1]],
            other[self.images, :, self.second[:, 0], self.second[:, 1]],
        )
