"""Exact nearest-neighbour search in a memory bank."""

import torch

# Queries per product: the block of distances stays small beside the bank itself.
_BLOCK_BYTES = 64 * 2**20
_SPARE = 2


class NearestNeighbours:
    """Exact Euclidean search: one matrix product ranks the bank, differences measure the nearest.

    |q - m|^2 = |q|^2 + |m|^2 - 2qm loses digits where q is close to m, just where it matters; so the product
    only names candidates, and their distances are computed again from the differences.

    Args:
        points: float32 `[M, C]`, on the device to search on.
    """

    def __init__(self, points: torch.Tensor) -> None:
        self.points = points
        self._origin = points.mean(dim=0)
        self._centred = (points - self._origin).contiguous()
        self._norms = self._centred.square().sum(dim=1)

    def search(self, queries: torch.Tensor, k: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """Find the k nearest points of each query.

        Args:
            queries: float32 `[Q, C]`.
            k: neighbours wanted, at most M.

        Returns:
            Euclidean distances float32 `[Q, k]`, ascending, and indices int64 `[Q, k]`.
        """
        block = max(1, _BLOCK_BYTES // (4 * len(self.points)))
        parts = [self._search_block(part, k) for part in torch.split(queries, block)]
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def _search_block(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        ranks = torch.addmm(self._norms, queries - self._origin, self._centred.T, alpha=-2.0)
        wanted = min(k + _SPARE, len(self.points))
        if k == 1:
            # A minimum is several times faster than a partial sort; a rival within rounding of it has the same
            # distance to within rounding.
            candidates = ranks.argmin(dim=1, keepdim=True)
        else:
            candidates = ranks.topk(wanted, dim=1, largest=False, sorted=False).indices
        distances = torch.stack(
            [torch.linalg.vector_norm(queries - self.points[column], dim=1) for column in candidates.T], dim=1
        )
        order = distances.argsort(dim=1, stable=True)[:, :k]
        return distances.gather(1, order), candidates.gather(1, order)
