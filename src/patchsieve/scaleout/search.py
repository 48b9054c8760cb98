"""Nearest neighbours in a bank that is larger than one node: each worker searches its share."""

from functools import partial

import torch

from patchsieve.bank import NearestNeighbours
from patchsieve.features import PatchFeatures
from patchsieve.features.placement import Group, Reader


class SpreadNeighbours:
    """Exact Euclidean search in patches that lie with several workers, the answers of `NearestNeighbours`.

    Args:
        shares: of the patches.
        count: of all patches.
    """

    def __init__(self, shares: Group["Share"], count: int) -> None:
        self._shares = shares
        self._count = count

    @classmethod
    def among(cls, features: PatchFeatures, chosen: torch.Tensor) -> "SpreadNeighbours":
        """Build what searches among these patches, int64 `[M]` into the flattened `[N H W]`, where they lie."""
        return cls(features.spread(chosen, 1, Share), len(chosen))

    def __len__(self) -> int:
        return self._count

    def search(self, queries: torch.Tensor, k: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """Find the k nearest patches of each query.

        Args:
            queries: float32 `[Q, C]`.
            k: neighbours wanted, at most M.

        Returns:
            Euclidean distances float32 `[Q, k]`, ascending, and indices int64 `[Q, k]`, into those given; of equals in
            different shares the lowest comes first.
        """
        found = self._shares.ask(partial(Share.search, queries=queries, k=k))
        # Shares come in the order of their indices, and the sort is stable: of equals the lowest stays first.
        distances, indices = (torch.cat(each, dim=1) for each in zip(*found, strict=True))
        order = distances.argsort(dim=1, stable=True)[:, :k]
        return distances.gather(1, order), indices.gather(1, order)

    def close(self) -> None:
        """Let the shares go."""
        self._shares.close()


class Share:
    """A worker's share of the patches.

    Args:
        read: reads them.
        first: place of the first among all.
        count: of its patches.
    """

    def __init__(self, read: Reader, first: int, count: int) -> None:
        self._first = first
        self._neighbours = NearestNeighbours(read(0, count))

    def search(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the nearest of this share, at most k: distances and indices among all, `[Q, k']`."""
        distances, indices = self._neighbours.search(queries, min(k, len(self._neighbours.points)))
        return distances, indices + self._first
