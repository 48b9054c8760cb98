"""Nearest neighbours where some points pull less: the smallest distance divided by the point's pull."""

from copy import copy

import torch

from patchsieve.fastproducts import far_targets, fast_dtype, query_code, smallest_columns, target_code
from patchsieve.parallel import map_blocks

# Points whose products are compared before any is measured, and how many such groups are measured.
_GROUP = 32
_GROUPS = 4
# Working memory of one product.
_PRODUCT_BYTES = 4 * 2**20


class WeightedNeighbours:
    """Finds for a query q the point m with the smallest |q - m| / pull(m), a multiplicatively weighted Voronoi cell.

    One product in the processor's fastest type gives half the squared distances. It names the best point of each of the
    four best groups of points; their distances are measured as |q - m|. Where the fastest type is bfloat16, a point may
    be named that is farther than the best by what rounding can move, about a hundredth of the length of the vectors.

    Args:
        points: float32 `[M, C]`, M >= 1.
        pulls: float32 `[M]`, above 0; with 1 for all it is the plain nearest neighbour.
    """

    def __init__(self, points: torch.Tensor, pulls: torch.Tensor) -> None:
        self._points, self._pulls = points, pulls
        self._origin = points.mean(dim=0)
        self._hidden = torch.zeros(len(points), dtype=torch.bool, device=points.device)
        self._padded = torch.arange(-(-len(points) // _GROUP) * _GROUP, device=points.device).clamp(
            max=len(points) - 1
        )
        centred = points[self._padded] - self._origin
        code = centred.to(fast_dtype(points.device))
        self._codes = target_code(code)
        self._strength = pulls[self._padded].square().reciprocal().to(code)[:, None]

    def without(self, rows: torch.Tensor) -> "WeightedNeighbours":
        """Return a search that does not find these points, int64 `[K]`, not all."""
        search = copy(self)
        search._hidden = self._hidden.index_fill(0, rows, True)
        places = search._hidden[self._padded].nonzero()[:, 0]
        search._codes = self._codes.index_copy(0, places, far_targets(self._codes[places]))
        return search

    def search(self, queries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the smallest quotient and its point, float32 and int64 `[Q]`, for float32 `[Q, C]`."""
        rows = max(1, _PRODUCT_BYTES // (self._codes.element_size() * len(self._codes)))
        parts = map_blocks(self._find, torch.split(queries, rows), queries.device)
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def _find(self, queries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        centred = queries - self._origin
        codes = query_code(centred.to(self._codes))
        products = (self._codes @ codes.T).mul_(self._strength).view(-1, _GROUP, len(queries))
        groups = smallest_columns(products.amin(dim=1).T.float(), min(_GROUPS, len(products)))
        rows = torch.arange(len(queries), device=queries.device)[:, None]
        within = products.permute(2, 0, 1)[rows, groups].argmin(dim=2)
        named = (groups * _GROUP + within).clamp(max=len(self._points) - 1)
        found = self._points.index_select(0, named.flatten()).view(*named.shape, -1)
        quotients = torch.linalg.vector_norm(found.sub_(queries[:, None]), dim=2) / self._pulls[named]
        quotients.masked_fill_(self._hidden[named], torch.inf)
        best = quotients.min(dim=1)
        return best.values, named.gather(1, best.indices[:, None])[:, 0]
