"""Mean and spread of a figure over seeds."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Spread:
    """What several runs say of one figure.

    Attributes:
        count: number of runs in which the figure is defined; all else is over these.
        mean: None without any.
        deviation: standard deviation with divisor `count` - 1: how much one run differs from another, not how far
            the mean is from the truth. None with fewer than two.
        lowest: of the runs.
        highest: of the runs.
    """

    count: int
    mean: float | None
    deviation: float | None
    lowest: float | None
    highest: float | None


def spread(values: Iterable[float | None]) -> Spread:
    """Summarise a figure over seeds; runs in which it is None are left out and not counted."""
    defined = np.array([value for value in values if value is not None], dtype=np.float64)
    if not len(defined):
        return Spread(0, None, None, None, None)
    return Spread(
        count=len(defined),
        mean=float(defined.mean()),
        deviation=float(defined.std(ddof=1)) if len(defined) > 1 else None,
        lowest=float(defined.min()),
        highest=float(defined.max()),
    )
