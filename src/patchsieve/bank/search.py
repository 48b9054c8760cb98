"""Exact nearest-neighbour search in a memory bank."""

from copy import copy

import torch

from patchsieve.bank.screening import Bounds, Screen
from patchsieve.parallel import even_rows, map_blocks

# Working memory of one product and of one gathering of blocks.
_PRODUCT_BYTES = 32 * 2**20
_GATHER_BYTES = 8 * 2**20
# Where the screen leaves a larger share of the points than this, the plain product is cheaper.
_WORTHWHILE = 0.03
# Candidates of the plain product beyond k: its rounding may confuse their order.
_SPARE = 4


class NearestNeighbours:
    """Exact Euclidean search: a screen rules out most of the bank, differences measure the rest.

    The textbook product |q|^2 + |m|^2 - 2qm loses digits where q is close to m, just where it matters; here
    products only name candidates, and their distances are computed as |q - m|.

    Args:
        points: float32 `[M, C]`, on the device to search on.
    """

    def __init__(self, points: torch.Tensor) -> None:
        self.points = points
        self._screen = Screen(points)
        self._targets = self._screen.targets(self._screen.encode(points))
        self._origin = points.mean(dim=0)
        self._centred = points - self._origin
        self._norms = self._centred.square().sum(dim=1)
        self._remaining = len(points)

    def without(self, rows: torch.Tensor) -> "NearestNeighbours":
        """See `patchsieve.bank.indexes.Index.without`; the screen is shared."""
        index = copy(self)
        index._targets = self._targets.without(rows)
        index._norms = self._norms.index_fill(0, rows, torch.inf)
        index._remaining = self._remaining - len(rows)
        return index

    def search(self, queries: torch.Tensor, k: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """Find the k nearest points of each query.

        Args:
            queries: float32 `[Q, C]`.
            k: neighbours wanted, at most M.

        Returns:
            Euclidean distances float32 `[Q, k]`, ascending, and indices int64 `[Q, k]`.
        """
        # Nothing runs before the blocks: threads of torch would still wait for more when those start.
        rows = even_rows(len(queries), max(1, _PRODUCT_BYTES // (4 * len(self.points))))

        def find(block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            found = self._screened(block) if k == 1 else None
            return self._plain(block, k) if found is None else found

        parts = map_blocks(find, torch.split(queries, rows), queries.device)
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def _screened(self, queries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return the nearest point of each query, None where the screen leaves too many that it might be."""
        bounds = Bounds(self._targets, self._screen.encode(queries))
        best = bounds.likely().clamp_(max=len(self.points) - 1)
        rows = torch.arange(len(queries), device=queries.device)
        distances = self._measure(queries, rows, best)
        most = max(len(queries), int(_WORTHWHILE * len(queries) * len(self.points)))
        pairs = bounds.within(distances, most)
        if pairs is None:
            return None
        rivals, others = pairs
        return _reduced(distances, best, others, self._measure(queries, others, rivals), rivals)

    def _measure(self, queries: torch.Tensor, rows: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Return the distances of `queries[rows]` to the points `indices`, all `[P]`."""
        step = max(1, _GATHER_BYTES // (4 * queries.shape[1]))
        parts = zip(torch.split(rows, step), torch.split(indices, step), strict=True)
        # index_select gathers whole rows several times faster than indexing does.
        differences = (
            self.points.index_select(0, points).sub_(queries.index_select(0, part)) for part, points in parts
        )
        return torch.cat([torch.linalg.vector_norm(part, dim=1) for part in differences])

    def _plain(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        ranks = torch.addmm(self._norms, queries - self._origin, self._centred.T, alpha=-2.0)
        wanted = min(k + _SPARE, self._remaining)
        candidates = ranks.topk(wanted, dim=1, largest=False, sorted=False).indices
        distances = torch.stack(
            [torch.linalg.vector_norm(queries - self.points[column], dim=1) for column in candidates.T], dim=1
        )
        order = distances.argsort(dim=1, stable=True)[:, :k]
        return distances.gather(1, order), candidates.gather(1, order)


def _reduced(
    distances: torch.Tensor,
    indices: torch.Tensor,
    rows: torch.Tensor,
    rival_distances: torch.Tensor,
    rival_indices: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Put each query's first find and its rivals together; of equals the lowest index wins. Both `[Q, 1]`."""
    smallest = distances.scatter_reduce(0, rows, rival_distances, "amin")
    unbeaten = torch.where(distances == smallest, indices, torch.iinfo(torch.int64).max)
    winners = rival_distances == smallest[rows]
    chosen = unbeaten.scatter_reduce(0, rows[winners], rival_indices[winners], "amin")
    return smallest[:, None], chosen[:, None]
