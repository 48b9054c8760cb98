"""Nearest neighbours among the images at one position, for a whole block of positions at once.

All distances of a position come from one matrix product in the processor's fastest type. They are rounded, so they
only name candidates: the nearest few are measured again as |a - b|, and a bound on the rounding says whether another
could be nearer. Where it could, more candidates are measured. The result is exact.
"""

from dataclasses import dataclass

import torch

from patchsieve.fastproducts import NORM_COLUMNS, fast_dtype, in_columns, summation_error

# Candidates measured beyond k: with fewer, rounding leaves many undecided; more cost more than they decide.
_SPARE = 3
_MORE = 4
# Working memory of one product and of the candidates measured together; small enough for the processor's caches.
_PRODUCT_BYTES = 4 * 2**20
_MEASURED_BYTES = 2**20


def neighbours_by_position(
    features: torch.Tensor, k: int, references: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find for every feature its k nearest others at the same position.

    Args:
        features: float32 `[P, N, C]`: P positions, N images, C channels.
        k: neighbours wanted.
        references: int64 `[R]`, the images to search among, k < R < 2^16; None for all.

    Returns:
        Euclidean distances float32 `[P, N, k]`, ascending, and int64 `[P, N, k]`, which of the references.
    """
    features = features - features.mean(dim=1, keepdim=True)
    positions, images, _ = features.shape
    others = features if references is None else features[:, references]
    own = torch.full((images,), -1, device=features.device)
    own[slice(None) if references is None else references] = torch.arange(others.shape[1]).to(own)
    products = _Products.of(features, others)
    distances = features.new_empty(positions, images, k)
    columns = torch.empty(positions, images, k, dtype=torch.int64, device=features.device)
    row_bytes = others.shape[1] * (4 + products.queries.element_size())
    step = max(1, _PRODUCT_BYTES // (images * row_bytes))
    rows = min(images, max(1, _PRODUCT_BYTES // row_bytes))
    for place in range(0, positions, step):
        for row in range(0, images, rows):
            block = slice(place, place + step), slice(row, row + rows)
            search = _Block(features[block], others[block[0]], own[block[1]], *products.block(*block))
            distances[block], columns[block] = search.nearest(k)
    return distances, columns


@dataclass(frozen=True)
class _Products:
    """Vectors extended so that one product is half their squared distance, |a|^2/2 + |b|^2/2 - ab.

    Attributes:
        queries: `[P, N, C + 2 NORM_COLUMNS]` in the fast type.
        others: `[P, R, C + 2 NORM_COLUMNS]`, likewise.
        slack: float32 `[P, N]`: no product is off by more, but for its own rounding.
    """

    queries: torch.Tensor
    others: torch.Tensor
    slack: torch.Tensor

    @classmethod
    def of(cls, features: torch.Tensor, others: torch.Tensor) -> "_Products":
        dtype = fast_dtype(features.device)
        query, lengths, errors = _rounded(features, dtype)
        other, other_lengths, other_errors = (
            (query, lengths, errors) if others is features else _rounded(others, dtype)
        )
        longest = other_lengths.amax(dim=1, keepdim=True)
        slack = errors * longest + (lengths + errors) * other_errors.amax(dim=1, keepdim=True)
        slack += summation_error(features.shape[2] + 2 * NORM_COLUMNS) * (lengths + longest).square()
        return cls(
            torch.cat([query, in_columns(0.5 * lengths.square(), dtype), _ones(query)], dim=2),
            torch.cat([-other, _ones(other), in_columns(0.5 * other_lengths.square(), dtype)], dim=2),
            slack,
        )

    def block(self, places: slice, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Return half squared distances `[P, n, R]`, rounded, and their slack `[P, n]`, of some rows."""
        return torch.bmm(self.queries[places, rows], self.others[places].transpose(1, 2)), self.slack[
            places, rows
        ]


class _Block:
    """The search of Q = P x n rows, each among the R others of its position.

    Args:
        queries: float32 `[P, n, C]`.
        others: float32 `[P, R, C]`.
        own: int64 `[n]`, which of the others a row is itself, -1 for none.
        halves: half squared distances `[P, n, R]`, rounded.
        slack: float32 `[P, n]`.
    """

    def __init__(
        self,
        queries: torch.Tensor,
        others: torch.Tensor,
        own: torch.Tensor,
        halves: torch.Tensor,
        slack: torch.Tensor,
    ) -> None:
        places, rows, self._count = halves.shape
        self._shape = places, rows
        self._queries = queries.reshape(places * rows, -1)
        self._others = others.reshape(places * self._count, -1)
        self._offsets = (self._count * torch.arange(places, device=own.device)).repeat_interleave(rows)
        self._own = own.repeat(places)
        self._slack = slack.flatten()
        self._rounding = float(torch.finfo(halves.dtype).eps)
        # Distance and column in one number that sorts by distance: the columns take the float's last bits.
        self._mask = (1 << self._count.bit_length()) - 1
        keys = halves.float().view(torch.int32).bitwise_and_(~self._mask)
        keys.bitwise_or_(torch.arange(self._count, dtype=torch.int32, device=own.device))
        self._keys = keys.view(places * rows, self._count)
        themselves = (self._own >= 0).nonzero(as_tuple=True)[0]
        self._keys[themselves, self._own[themselves]] |= _LAST

    def nearest(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return distances and columns `[P, n, k]`."""
        wanted = min(k + _SPARE, self._count)
        distances, columns = self._measure(self._first(self._keys, wanted), self._queries, self._own, k)
        rows = self._undecided(self._keys, wanted, distances[:, -1], self._slack).nonzero(as_tuple=True)[0]
        while len(rows):
            keys, wanted = self._keys[rows], min(_MORE * wanted, self._count)
            candidates = self._first(keys, wanted)
            found = self._measure(candidates, self._queries[rows], self._own[rows], k, self._offsets[rows])
            distances[rows], columns[rows] = found
            rows = rows[self._undecided(keys, wanted, found[0][:, -1], self._slack[rows])]
        return distances.view(*self._shape, k), columns.view(*self._shape, k)

    def _first(self, keys: torch.Tensor, wanted: int) -> torch.Tensor:
        """Return the `wanted` first columns of each row, in no order, and leave the next key behind them."""
        if wanted < self._count:
            _partition(keys, wanted)
        return (keys[:, :wanted] & self._mask).long()

    def _measure(
        self,
        columns: torch.Tensor,
        queries: torch.Tensor,
        own: torch.Tensor,
        k: int,
        offsets: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return distances and columns of the k nearest among the candidates `columns` `[Q, c]`, nearest first."""
        places = columns + (self._offsets if offsets is None else offsets)[:, None]
        few = max(1, _MEASURED_BYTES // (4 * columns.shape[1] * queries.shape[1]))
        parts = zip(torch.split(places, few), torch.split(queries, few), strict=True)
        distances = torch.cat([self._distances(*part) for part in parts])
        distances.masked_fill_(columns == own[:, None], torch.inf)
        nearest = distances.topk(k, dim=1, largest=False)
        return nearest.values, columns.gather(1, nearest.indices)

    def _distances(self, places: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        found = self._others.index_select(0, places.flatten()).view(*places.shape, -1)
        distances: torch.Tensor = torch.linalg.vector_norm(found.sub_(queries[:, None]), dim=2)
        return distances

    def _undecided(
        self, keys: torch.Tensor, wanted: int, farthest: torch.Tensor, slack: torch.Tensor
    ) -> torch.Tensor:
        """Say of each row whether a column that was not measured might be nearer than the `farthest` found."""
        if wanted == self._count:
            return torch.zeros_like(farthest, dtype=torch.bool)
        following = (keys[:, wanted] & ~self._mask).view(torch.float32)
        return ~(0.5 * farthest.square() <= following * (1.0 - self._rounding) - slack)


# Sets all exponent bits: as a float infinite or not a number, as an integer behind all distances.
_LAST = 0x7F800000


def _partition(keys: torch.Tensor, count: int) -> None:
    """Bring the `count` smallest of each row of `keys` `[Q, R]` to its front, the next one behind them."""
    if keys.device.type != "cpu":
        keys[:, : count + 1] = torch.topk(keys, count + 1, dim=1, largest=False).values
        return
    # torch.topk takes several times as long on a CPU.
    keys.numpy().partition(count, axis=1)


def _rounded(vectors: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return vectors `[P, N, C]` in `dtype`, their lengths `[P, N]`, and how far rounding moved each, `[P, N]`."""
    rounded = vectors.to(dtype)
    return (
        rounded,
        torch.linalg.vector_norm(vectors, dim=2),
        torch.linalg.vector_norm(vectors - rounded, dim=2),
    )


def _ones(like: torch.Tensor) -> torch.Tensor:
    return like.new_ones(*like.shape[:2], NORM_COLUMNS)
