"""Cheap bounds on many distances at once, so that the exact ones are computed only where they can matter.

With q and m measured from a common origin, |q - m|^2 = |q|^2 - 2 a(q, m) with the affinity
a(q, m) = qm - |m|^2 / 2: the nearest m has the largest affinity. A screen bounds affinities from above by one
matrix product that is several times cheaper than the exact one, for two reasons:

- Only the leading principal axes are multiplied out. What is left of q and m on the other axes enters by its
  length alone, as one more coordinate: by Cauchy and Schwarz that can only raise the product.
- The product runs in bfloat16 where the processor multiplies that faster. What rounding can cost is known for
  every vector, |q - bf16(q)|, and is added to the bound.

So a point whose bound says that it is too far is too far; the others, few of them, are measured exactly.
"""

from dataclasses import dataclass

import numpy as np
import torch

from patchsieve.fastproducts import NORM_COLUMNS, fast_dtype, in_columns, summation_error

# Share of the variance that the leading axes must hold; further axes cost more than the points they rule out.
_VARIANCE = 0.95
_AXES_STEP = 16
# Below this saving the rotation is not worth its own time.
_FEWEST_SAVED = 0.25
_SAMPLE = 20_000
# Vectors encoded at a time: what lies between them and their code would take several times their memory.
_ENCODED_ROWS = 16_384


@dataclass(frozen=True)
class Encoded:
    """Vectors as the screen multiplies them.

    Attributes:
        factors: `[N, K]` in the screen's type.
        lengths: float32 `[N]`, distances of the vectors from the origin.
        errors: float32 `[N]`, how far rounding moved each vector.
    """

    factors: torch.Tensor
    lengths: torch.Tensor
    errors: torch.Tensor

    def __getitem__(self, rows: slice | torch.Tensor) -> "Encoded":
        return Encoded(self.factors[rows], self.lengths[rows], self.errors[rows])


@dataclass(frozen=True)
class Targets:
    """Vectors that others are bounded against.

    Attributes:
        factors: `[M, K]` in the screen's type, with minus half the squared length in them.
        largest: no vector is longer.
        worst_error: rounding moved no vector farther.
    """

    factors: torch.Tensor
    largest: torch.Tensor
    worst_error: torch.Tensor


class Screen:
    """Bounds affinities between vectors of one space.

    Args:
        points: float32 `[N, C]`, typical vectors; the origin and the axes come from a sample of them.
        dtype: of the products; None chooses the fastest for the device.
    """

    def __init__(self, points: torch.Tensor, dtype: torch.dtype | None = None) -> None:
        self._dtype = dtype or fast_dtype(points.device)
        sample = points[:: max(1, len(points) // _SAMPLE)]
        self._origin = sample.mean(dim=0)
        self._axes = _leading_axes(sample - self._origin)

    def encode(self, vectors: torch.Tensor) -> Encoded:
        """Encode vectors float32 `[N, C]`."""
        width = vectors.shape[1] if self._axes is None else self._axes.shape[1] + 1
        factors = vectors.new_empty(len(vectors), width + NORM_COLUMNS, dtype=self._dtype)
        lengths, errors = vectors.new_empty(2, len(vectors))
        for first in range(0, len(vectors), _ENCODED_ROWS):
            part = slice(first, first + _ENCODED_ROWS)
            factors[part], lengths[part], errors[part] = self._encode(vectors[part])
        return Encoded(factors, lengths, errors)

    def _encode(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        centred = vectors - self._origin
        lengths = torch.linalg.vector_norm(centred, dim=1)
        if self._axes is not None:
            leading = centred @ self._axes
            rest = (lengths.square() - leading.square().sum(dim=1)).clamp_(min=0).sqrt_()
            centred = torch.cat([leading, rest[:, None]], dim=1)
        rounded = centred.to(self._dtype)
        errors = torch.linalg.vector_norm(centred - rounded, dim=1)
        ones = rounded.new_ones(len(vectors), NORM_COLUMNS)
        return torch.cat([rounded, ones], dim=1), lengths, errors

    def targets(self, encoded: Encoded) -> Targets:
        """Return encoded vectors as what others are bounded against."""
        factors = encoded.factors.clone()
        factors[:, -NORM_COLUMNS:] = in_columns(-0.5 * encoded.lengths.square(), self._dtype)
        return Targets(factors, encoded.lengths.amax(), encoded.errors.amax())

    @staticmethod
    def products(targets: Targets, queries: Encoded) -> torch.Tensor:
        """Return `[M, Q]` in the screen's type; `threshold` says which of them, or of maxima, may matter.

        Targets come first because maxima are taken over them: a reduction over the first axis runs along
        memory and is several times faster.
        """
        return targets.factors @ queries.factors.T

    def threshold(self, needed: torch.Tensor, queries: Encoded, targets: Targets) -> torch.Tensor:
        """Return `[Q]` in the screen's type: where a product is less, the affinity is less than `needed`.

        Args:
            needed: float32 `[Q]`.
            queries: of which the products are.
            targets: likewise.
        """
        lengths, errors = queries.lengths, queries.errors
        slack = errors * targets.largest + (lengths + errors) * targets.worst_error
        slack = slack + summation_error(targets.factors.shape[1]) * (lengths + targets.largest).square()
        # p + |p| eps + slack >= needed, solved for p. Rounding to the type of p, even upwards, lets no p through
        # or out that the unrounded number would not: there is no p in between.
        least = needed - slack
        return (least / (1.0 + torch.finfo(self._dtype).eps * least.sign())).to(self._dtype)


def _leading_axes(centred: torch.Tensor) -> torch.Tensor | None:
    """Return the leading principal axes float32 `[C, R]`, None where leaving the others out saves little."""
    channels = centred.shape[1]
    variances, axes = np.linalg.eigh((centred.T @ centred).double().cpu().numpy())
    held = np.cumsum(variances[::-1].clip(min=0))
    wanted = int((held < _VARIANCE * held[-1]).sum()) + 1
    wanted = -(-wanted // _AXES_STEP) * _AXES_STEP
    if wanted > (1 - _FEWEST_SAVED) * channels:
        return None
    return torch.from_numpy(axes[:, ::-1][:, :wanted].copy()).to(centred)
