"""Exact nearest-neighbour search in a memory bank."""

from copy import copy
from functools import cached_property

import torch

from patchsieve.bank.screening import Bounds, Encoded, Screen
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
        screened: a screen, and the points as it encodes them; None for one of these points alone. Who searches many
            subsets of the same points encodes them once.
    """

    def __init__(self, points: torch.Tensor, screened: tuple[Screen, Encoded] | None = None) -> None:
        self.points = points
        if screened is None:
            screen = Screen(points)
            screened = screen, screen.encode(points)
        self._screen, encoded = screened
        self._targets = self._screen.targets(encoded)
        self._centred = _Centred(points)
        self._left_out: torch.Tensor | None = None

    def without(self, rows: torch.Tensor) -> "NearestNeighbours":
        """See `patchsieve.bank.indexes.Index.without`; the screen is shared."""
        index = copy(self)
        index._targets = self._targets.without(rows)
        index._left_out = rows if self._left_out is None else torch.cat([self._left_out, rows])
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
        points, norms, remaining = self._centred.points, self._centred.norms, len(self.points)
        if self._left_out is not None:
            norms = norms.index_fill(0, self._left_out, torch.inf)
            remaining -= len(self._left_out)
        ranks = torch.addmm(norms, queries - self._centred.origin, points.T, alpha=-2.0)
        wanted = min(k + _SPARE, remaining)
        candidates = ranks.topk(wanted, dim=1, largest=False, sorted=False).indices
        distances = torch.stack(
            [torch.linalg.vector_norm(queries - self.points[column], dim=1) for column in candidates.T], dim=1
        )
        order = distances.argsort(dim=1, stable=True)[:, :k]
        return distances.gather(1, order), candidates.gather(1, order)


class _Centred:
    """What the plain product multiplies, made when it is first needed: a screen often leaves nothing to it.

    Args:
        points: float32 `[M, C]`.
    """

    def __init__(self, points: torch.Tensor) -> None:
        self._points = points

    @cached_property
    def origin(self) -> torch.Tensor:
        """float32 `[C]`."""
        return self._points.mean(dim=0)

    @cached_property
    def points(self) -> torch.Tensor:
        """float32 `[M, C]`."""
        return self._points - self.origin

    @cached_property
    def norms(self) -> torch.Tensor:
        """|m|^2, float32 `[M]`."""
        return self.points.square().sum(dim=1)


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
