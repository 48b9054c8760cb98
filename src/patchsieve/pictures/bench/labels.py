"""Names and marks of many series: short, different from each other, and not on top of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patchsieve.pictures.bench.figure import clean
from patchsieve.pictures.style import SERIES_COLOURS

Floats = npt.NDArray[np.float64]

LONGEST = 26
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
_DASHES: tuple[tuple[float, ...] | None, ...] = (None, (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))


@dataclass(frozen=True, slots=True)
class Mark:
    """How a series is told from others: each of the three is enough among few."""

    colour: str
    marker: str
    dashes: tuple[float, ...] | None

    @property
    def line(self) -> object:
        """The line style as matplotlib takes it."""
        return "-" if self.dashes is None else (0, self.dashes)


def marks(names: Sequence[str]) -> dict[str, Mark]:
    """Return a mark for each name, by its place; no two of the first 77 are alike."""
    return {
        name: Mark(
            SERIES_COLOURS[index % len(SERIES_COLOURS)],
            _MARKERS[index % len(_MARKERS)],
            _DASHES[index % len(_DASHES)],
        )
        for index, name in enumerate(names)
    }


def short_names(names: Sequence[str], longest: int = LONGEST) -> dict[str, str]:
    """Return each name cut in its middle to at most `longest` letters, still different from all others."""
    short: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        cut, copy = _cut(clean(name), longest), 1
        while cut in taken:
            copy += 1
            number = f" ({copy})"
            cut = _cut(clean(name), longest - len(number)) + number
        taken.add(cut)
        short[name] = cut
    return short


def signed(difference: float | None) -> str:
    """Return a difference with its sign, e.g. "+0.012", and "-" where there is none."""
    # What rounds to nothing has no sign: "-0.000" would read as a loss.
    return "-" if difference is None else f"{difference:+.3f}" if round(difference, 3) else "0.000"


def spread_out(wanted: Floats, gap: float, low: float, high: float) -> Floats:
    """Move positions apart to at least `gap`, in their order and as little as possible in the sum of squares.

    Args:
        wanted: `[N]`, any order.
        gap: smallest distance between two of the returned.
        low: the lowest is not below.
        high: the highest is not above, as far as there is room.

    Returns:
        `[N]`, in the order of `wanted`.
    """
    from sklearn.isotonic import isotonic_regression

    wanted = np.asarray(wanted, np.float64)
    if not wanted.size:
        return wanted
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    # Apart by a gap is increasing once the gaps are taken off: the nearest increasing sequence is known.
    level = isotonic_regression(wanted[order] - steps, y_min=low, y_max=max(low, high - steps[-1]))
    placed = np.empty_like(wanted)
    placed[order] = level + steps
    return placed


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    # Names of one family differ at their ends.
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[head + 1 - longest :]}"


def whiskers(shares: Floats, spread: Floats) -> Floats:
    """Return how far bars go below and above shares of 0 to 1, `[2, N]`: as far as their spread, and not out of range.

    Args:
        shares: `[N]`.
        spread: `[N]`.
    """
    return np.stack([np.minimum(spread, shares), np.minimum(spread, 1 - shares)])
