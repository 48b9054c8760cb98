"""Nearest neighbours where a point may be no nearer than its radius: the smallest reach distance."""

from copy import copy

import torch

from patchsieve.bank.indexes import Index
from patchsieve.parallel import map_blocks

# Working memory of one product, and points beyond the best that are measured: rounding may confuse their order.
_PRODUCT_BYTES = 8 * 2**20
_SPARE = 4


class ReachNeighbours:
    """Finds for a query q the smallest reach distance max(|q - m|, radius(m)) of all points m, exactly.

    Where the radius of the nearest point is within its distance, no point reaches farther in, and the plain search has
    answered already. Products with all points name candidates for the rest; their distances are measured as |q - m|.

    Args:
        index: of the points float32 `[M, C]`.
        radii: float32 `[M]`, 0 or above; with 0 for all it is the plain nearest neighbour.
    """

    def __init__(self, index: Index, radii: torch.Tensor) -> None:
        self._index, self._radii = index, radii
        self._origin = index.points.mean(dim=0)
        self._centred = index.points - self._origin
        self._norms = self._centred.square().sum(dim=1)
        self._squared_radii = radii.square()

    def without(self, rows: torch.Tensor, radii: torch.Tensor) -> "ReachNeighbours":
        """Return the search among the points less some, int64 `[K]`, not all, with other radii, float32 `[M]`."""
        fewer = copy(self)
        fewer._index = self._index.without(rows)
        fewer._norms = self._norms.index_fill(0, rows, torch.inf)
        fewer._radii, fewer._squared_radii = radii, radii.square()
        return fewer

    def search(self, queries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the smallest reach distance and its point, float32 and int64 `[Q]`, for float32 `[Q, C]`."""
        distances, nearest = (found[:, 0] for found in self._index.search(queries))
        open_ = (self._radii[nearest] > distances).nonzero()[:, 0]
        if len(open_):
            rows = max(1, _PRODUCT_BYTES // (4 * len(self._norms)))
            parts = map_blocks(self._measure, torch.split(queries[open_], rows), queries.device)
            distances = distances.index_copy(0, open_, torch.cat([part[0] for part in parts]))
            nearest = nearest.index_copy(0, open_, torch.cat([part[1] for part in parts]))
        return distances, nearest

    def _measure(self, queries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        centred = queries - self._origin
        ranks = torch.addmm(self._norms, centred, self._centred.T, alpha=-2.0)
        ranks = torch.maximum(ranks.add_(centred.square().sum(dim=1, keepdim=True)), self._squared_radii)
        lowest, named = ranks.topk(min(1 + _SPARE, len(self._norms)), dim=1, largest=False)
        points = self._index.points.index_select(0, named.flatten()).view(*named.shape, -1)
        reached = torch.maximum(
            torch.linalg.vector_norm(points.sub_(queries[:, None]), dim=2), self._radii[named]
        )
        # Those that are left out are infinitely far off; where few points are left, they are named all the same.
        best = reached.masked_fill_(lowest.isinf(), torch.inf).min(dim=1)
        return best.values, named.gather(1, best.indices[:, None])[:, 0]
