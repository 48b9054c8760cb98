"""Points rounded to 7 bits, so that one product of integers names the few that may be the nearest of a patch.

Processors multiply 8-bit integers several times faster than float32, and every engine does so exactly. What rounding
does to a distance is known, but for one product:

    |q' - m'|^2 = |q - m|^2 + 2 (q - m) e + |e|^2,   e being what rounding moved the difference of the two

The axes are turned at random, so that e lies in no direction rather than in another: (q - m) e is |q - m| times
something of standard deviation `_DEVIATION`, and is taken to be less than `_SURE` times that. Of rounding errors that
are independent fewer than one in 10^15 are larger.

To turn all of C axes costs as much as C points do, so they are turned as a table of a by b of them, the rows by one
matrix and the columns by another: every new axis has a part of every old one all the same.

Where the last principal axes carry little they are left out. What is left of a vector on them enters by its length
alone, as one more coordinate; by the triangle inequality that can only bring two nearer to each other.
"""

from dataclasses import dataclass
from math import isqrt
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Points stand in groups of so many. Those that may be the nearest of a patch are measured one by one if they lie in so
# many groups at most; else all points are.
SCREENED_GROUP = 32
MOST_GROUPS = 16
# In steps. With 8 bits, processors without instructions for it would overflow while they add up products.
_LARGEST_POINT = 63
LARGEST_PATCH = 127
# Of the difference of two errors that are uniform within half a step.
_DEVIATION = 1 / 6**0.5
_SURE = 8.0
# By so many steps a distance may seem larger than it is, whatever else is known.
MARGIN = _SURE * _DEVIATION

# Measured with AVX-512 and 232 to 1536 channels: a point in a product of integers takes a fourth of one in a product in
# float32, to measure a point that was named takes a hundred times as long as that.
_INTEGERS_FASTER = 4.0
_MEASURED = 100.0
# A screen has to take so much less, as images name more points than those that it is tried on.
_WORTH_IT = 0.7
# With fewer numbers all is over before anything would be saved.
_FEWEST_NUMBERS = 2**17
# Screens are tried on so many of the points.
_TRIED = 128
# Axes are left out as long as what lies on them is a smaller share of the squared distance to the nearest, if these are
# more than a quarter of all, and if it saves more than the product with the axes themselves costs in float32.
_LEFT_OUT = 0.005
_FEWEST_LEFT_OUT = 0.25


@dataclass(frozen=True)
class Screen:
    """Points as the screen multiplies them. Lengths are in steps.

    Attributes:
        step: of the rounding, in the features' unit.
        origin: float32 `[C]`.
        axes: by which a vector less the origin becomes coordinates: one float32 `[C, R]`, or two, `[a, a]` and
            `[b, b]` with a b = C, for the rows and the columns of the vector as a table `[a, b]`.
        rest: what is taken off the length that is left of a vector on other axes; None where there are no others.
        targets: int8 `[M, F]`: the points' coordinates, negative, and half their squared lengths less `offset` in
            digits.
        weights: what each of the digits counts.
        offset: see `targets`.
        error: rounding moved no point farther.
    """

    step: float
    origin: Floats
    axes: tuple[Floats, ...]
    rest: float | None
    targets: npt.NDArray[np.int8]
    weights: tuple[int, ...]
    offset: float
    error: float

    @classmethod
    def of(cls, points: Floats) -> Self | None:
        """Return the screen of points float32 `[M, C]`; None where it would save little."""
        count = len(points)
        if points.size < _FEWEST_NUMBERS:
            return None
        origin = points.mean(axis=0, dtype=np.float64)
        centred = points - origin
        tried = np.arange(0, count, -(-count // _TRIED))
        distances = _to_nearest_others(centred, tried)
        axes = _axes(centred, _LEFT_OUT * float(np.median(distances)) ** 2)
        coordinates, rest = _coordinates(centred, axes)
        step = max(float(np.abs(coordinates).max()) / _LARGEST_POINT, float(np.finfo(np.float32).tiny))
        rounded = np.rint(coordinates / step)
        errors = np.linalg.norm(coordinates / step - rounded, axis=1)
        halves = np.floor(0.5 * np.square(rounded).sum(axis=1))
        near = distances / step
        limits = 0.5 * (near * (near + 2 * MARGIN) + (errors[tried] + errors.max()) ** 2)
        named = (halves[tried, None] + halves - rounded[tried] @ rounded.T <= limits[:, None]).sum(axis=1)
        # Where so few are named that they are measured one by one; else all points are.
        few = named[named <= MOST_GROUPS]
        measured = _MEASURED * (1 + few.sum() / len(tried))
        multiplied = count / _INTEGERS_FASTER + count * (1 - len(few) / len(tried))
        if measured + multiplied > _WORTH_IT * count:
            return None
        offset = float(np.floor((halves.min() + halves.max()) / 2))
        digits, weights = _in_digits(halves - offset)
        return cls(
            step=step,
            origin=origin.astype(np.float32),
            axes=tuple(each.astype(np.float32) for each in (axes[0] / step, *axes[1:])),
            rest=None if rest is None else rest / step,
            targets=np.concatenate([-rounded, digits], axis=1).astype(np.int8),
            weights=weights,
            offset=offset,
            error=float(errors.max()),
        )


def _to_nearest_others(points: Doubles, rows: npt.NDArray[np.int64]) -> Doubles:
    """Return how far from some of the points the nearest other is."""
    halves = 0.5 * np.square(points).sum(axis=1)
    apart = halves[rows, None] + halves - points[rows] @ points.T
    apart[np.arange(len(rows)), rows] = np.inf
    distances: Doubles = np.sqrt(np.maximum(2 * apart.min(axis=1), 0))
    return distances


def _axes(centred: Doubles, negligible: float) -> tuple[Doubles, ...]:
    """Return `Screen.axes`: all, or so many that points have no more than `negligible` of their square elsewhere."""
    count, channels = centred.shape
    spread, principal = np.linalg.eigh(centred.T @ centred / count)
    fewest = max(1, channels - int(np.searchsorted(np.cumsum(spread), negligible, side="right")))
    rng = np.random.default_rng(0)
    left_out = channels - fewest
    if left_out < _FEWEST_LEFT_OUT * channels or left_out * count < _INTEGERS_FASTER * channels * fewest:
        rows = max(each for each in range(1, isqrt(channels) + 1) if channels % each == 0)
        return _turned(rng, rows), _turned(rng, channels // rows)
    return (principal[:, -fewest:] @ _turned(rng, fewest),)


def _turned(rng: np.random.Generator, size: int) -> Doubles:
    """Return a random orthogonal matrix."""
    turned: Doubles = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return turned


def _coordinates(centred: Doubles, axes: tuple[Doubles, ...]) -> tuple[Doubles, float | None]:
    """Return vectors on axes, and as one more coordinate how long they are on all others, less the mean of that."""
    if len(axes) == 2:
        rows, columns = axes
        tables = centred.reshape(-1, len(rows), len(columns))
        turned: Doubles = (rows @ tables @ columns).reshape(centred.shape)
        return turned, None
    coordinates = centred @ axes[0]
    left = np.square(centred).sum(axis=1) - np.square(coordinates).sum(axis=1)
    lengths = np.sqrt(np.maximum(left, 0))
    rest = float(lengths.mean())
    return np.concatenate([coordinates, lengths[:, None] - rest], axis=1), rest


def _in_digits(values: Doubles) -> tuple[Doubles, tuple[int, ...]]:
    """Write whole numbers `[M]` as sums of small ones `[M, D]` by weights `[D]`."""
    digits, weights = [], []
    while np.abs(values).max() > _LARGEST_POINT:
        digits.append(np.clip(np.rint(values / LARGEST_PATCH), -_LARGEST_POINT, _LARGEST_POINT))
        weights.append(LARGEST_PATCH)
        values = values - LARGEST_PATCH * digits[-1]
    return np.stack([*digits, values], axis=1), (*weights, 1)
