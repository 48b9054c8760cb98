"""Cheap bounds on many distances at once, so that the exact ones are computed only where they can matter.

One matrix product bounds half the squared distance of every pair of vectors from below. It is several times cheaper
than the exact one, for three reasons:

- Only the leading principal axes are multiplied out. What is left of q and m on the other axes enters by its length
  alone, as one more coordinate: by the triangle inequality that can only bring them nearer to each other.
- The product runs in bfloat16 where the processor multiplies that faster. What rounding can cost is known for every
  vector, |q - bf16(q)|, and is added to the bound.
- Half squared distances are not negative, and the bits of such numbers, read as integers, are in their order. Passing
  over integers is several times faster than over bfloat16.

So a pair whose bound says that it is too far apart is too far apart; the others, few of them, are measured exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from patchsieve.fastproducts import (
    CODE_COLUMNS,
    far_targets,
    fast_dtype,
    query_code,
    summation_error,
    target_code,
)

# Targets that are ruled out together before one is looked at.
_BLOCK = 16
_AXES_STEP = 16
# Vectors encoded at a time: what lies between them and their code would take several times their memory. As many as a
# coreset works on at a time, so that parts of a set are encoded like the whole.
_ENCODED_ROWS = 4096
_SAMPLE = 20_000
# The number of axes is found by trying it on so many vectors among so many.
_TRIED_QUERIES = 64
_TRIED_POINTS = 2048
# Finding a pair that a screen leaves takes as long as multiplying out so many axes; measuring it, which is read from
# anywhere in memory, takes as long as so many for each of its channels.
_FOUND = 80_000
_MEASURED = 150
# Below this saving the rotation is not worth its own time.
_FEWEST_SAVED = 0.25

_INTEGERS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


@dataclass(frozen=True)
class Encoded:
    """Vectors as the screen multiplies them.

    Attributes:
        factors: `[N, F]` in the screen's type: coordinates on the axes that are multiplied out, and what makes a
            product with `Targets` half a squared distance.
        lengths: float32 `[N]`, distances of the vectors from the origin.
        errors: float32 `[N]`, how far rounding moved each vector.
    """

    factors: torch.Tensor
    lengths: torch.Tensor
    errors: torch.Tensor

    def __getitem__(self, rows: slice | torch.Tensor) -> "Encoded":
        return Encoded(self.factors[rows], self.lengths[rows], self.errors[rows])

    @classmethod
    def joined(cls, parts: "Sequence[Encoded]") -> "Encoded":
        """Return the vectors of all parts, in order."""
        return cls(
            torch.cat([part.factors for part in parts]),
            torch.cat([part.lengths for part in parts]),
            torch.cat([part.errors for part in parts]),
        )


@dataclass(frozen=True)
class Targets:
    """Vectors that distances are bounded to.

    Attributes:
        factors: `[M', F]` in the screen's type, M' being M rounded up to whole blocks by targets far from everything.
        largest: no vector is longer.
        worst_error: rounding moved no vector farther.
        left_out: int64 `[K]`, those that count as far from everything; None for none.
    """

    factors: torch.Tensor
    largest: torch.Tensor
    worst_error: torch.Tensor
    left_out: torch.Tensor | None = None

    def without(self, rows: torch.Tensor) -> "Targets":
        """Return them with some more, int64 `[K]`, far from everything. The factors are shared."""
        return replace(self, left_out=rows if self.left_out is None else torch.cat([self.left_out, rows]))


class Screen:
    """Bounds distances between vectors of one space.

    Args:
        points: float32 `[N, C]`, typical vectors; the origin and the axes come from a sample of them.
        dtype: of the products; None chooses the fastest for the device.
    """

    def __init__(self, points: torch.Tensor, dtype: torch.dtype | None = None) -> None:
        self._dtype = dtype or fast_dtype(points.device)
        sample = points[:: sampling_step(len(points))]
        self._origin = sample.mean(dim=0)
        self._axes = _leading_axes(sample - self._origin)

    def encode(self, vectors: torch.Tensor) -> Encoded:
        """Encode vectors float32 `[N, C]`."""
        width = vectors.shape[1] if self._axes is None else self._axes.shape[1] + 1
        factors = vectors.new_empty(len(vectors), width + CODE_COLUMNS, dtype=self._dtype)
        lengths, errors = vectors.new_empty(2, len(vectors))
        for first in range(0, len(vectors), _ENCODED_ROWS):
            part = slice(first, first + _ENCODED_ROWS)
            factors[part], lengths[part], errors[part] = self._encode(vectors[part])
        return Encoded(factors, lengths, errors)

    def _encode(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        centred = vectors - self._origin
        lengths = torch.linalg.vector_norm(centred, dim=1)
        uncertain: torch.Tensor | float = 0.0
        if self._axes is not None:
            leading = centred @ self._axes
            rest = (lengths.square() - leading.square().sum(dim=1)).clamp_(min=0).sqrt_()
            # What a difference of two squares is off by, and what that makes of its root.
            off = summation_error(len(self._axes)) * lengths.square()
            uncertain = off / torch.maximum(rest, off.sqrt()).clamp_(min=torch.finfo(torch.float32).tiny)
            centred = torch.cat([leading, rest[:, None]], dim=1)
        rounded = centred.to(self._dtype)
        return query_code(rounded), lengths, torch.linalg.vector_norm(centred - rounded, dim=1) + uncertain

    @staticmethod
    def targets(encoded: Encoded) -> Targets:
        """Return encoded vectors as what distances are bounded to."""
        factors = target_code(encoded.factors[:, :-CODE_COLUMNS])
        missing = -len(factors) % _BLOCK
        if missing:
            factors = torch.cat([factors, far_targets(factors[:1]).expand(missing, -1)])
        return Targets(factors, encoded.lengths.amax(), encoded.errors.amax())


class Bounds:
    """Lower bounds on half the squared distances of queries to targets, rounded: one matrix product.

    Targets come first because minima are taken over them: a reduction over the first axis runs along memory and is
    several times faster.
    """

    def __init__(self, targets: Targets, queries: Encoded) -> None:
        self._targets, self._queries = targets, queries
        products = targets.factors @ queries.factors.T
        if targets.left_out is not None:
            products.index_fill_(0, targets.left_out, torch.finfo(products.dtype).max)
        self._keys = products.view(_INTEGERS[products.dtype]).view(-1, _BLOCK, products.shape[1])
        self._lowest = self._keys.amin(dim=1)
        self._dtype = products.dtype

    def likely(self) -> torch.Tensor:
        """Return for each query the target of the lowest bound: int64 `[Q]`."""
        block = self._lowest.min(dim=0).indices
        rows = torch.arange(len(block), device=block.device)
        return block * _BLOCK + self._keys[block, :, rows].argmin(dim=1)

    def within(self, distances: torch.Tensor, most: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Find the pairs that may be as near as `distances`, float32 `[Q]`: no other pair is.

        Args:
            distances: one for each query.
            most: how many pairs are worth to be looked at.

        Returns:
            Their targets and their queries, int64 `[P]` each; None where there are more than `most`.
        """
        keys = self._limits(distances)
        near = self._lowest <= keys
        if int(near.count_nonzero()) > most:
            return None
        blocks, queries = near.nonzero(as_tuple=True)
        pairs, places = (self._keys[blocks, :, queries] <= keys[queries, None]).nonzero(as_tuple=True)
        if len(pairs) > most:
            return None
        return blocks[pairs] * _BLOCK + places, queries[pairs]

    def _limits(self, distances: torch.Tensor) -> torch.Tensor:
        """Return `[Q]`: where a key is higher, the distance is larger than the one of `distances`."""
        targets, queries = self._targets, self._queries
        farthest = distances + queries.errors + targets.worst_error
        summed = summation_error(targets.factors.shape[1]) * (queries.lengths + targets.largest).square()
        # Rounding keeps the order: what is at most the limit is so after both are rounded, one or several times.
        limit = (0.5 * farthest.square() + summed) * (1.0 + torch.finfo(self._dtype).eps)
        return limit.to(self._dtype).view(self._keys.dtype)


def sampling_step(points: int) -> int:
    """Return the step of the sample that a screen of so many points is made from; of that sample it takes all."""
    return max(1, points // _SAMPLE)


def _leading_axes(centred: torch.Tensor) -> torch.Tensor | None:
    """Return the leading principal axes float32 `[C, R]`, None where leaving the others out saves little.

    With more axes products take longer, with fewer more pairs are left to measure. How many is counted on a sample: the
    pairs whose bound is below a vector's distance to its nearest.
    """
    channels = centred.shape[1]
    _, axes = np.linalg.eigh((centred.T @ centred).double().cpu().numpy())
    rotated = torch.from_numpy(axes[:, ::-1].copy()).to(centred)
    points = centred[:: max(1, len(centred) // _TRIED_POINTS)] @ rotated
    rows = torch.arange(0, len(points), max(1, len(points) // _TRIED_QUERIES), device=points.device)
    distances = torch.cdist(points[rows], points)
    distances[torch.arange(len(rows), device=points.device), rows] = torch.inf
    nearest = distances.amin(dim=1, keepdim=True)
    best, least = None, (1 - _FEWEST_SAVED) * channels
    each = _FOUND + _MEASURED * channels
    count = _AXES_STEP
    while count < least:
        leading = torch.cdist(points[rows, :count], points[:, :count])
        rest = torch.linalg.vector_norm(points[:, count:], dim=1)
        near = torch.hypot(leading, rest[rows, None] - rest) <= nearest
        # Itself and its nearest are left however many axes there are.
        left = max(float(near.float().mean()) - 2.0 / len(points), 0.0)
        if count + each * left < least:
            best, least = count, count + each * left
        count += max(_AXES_STEP, count // 4 // _AXES_STEP * _AXES_STEP)
    return None if best is None else rotated[:, :best].contiguous()
