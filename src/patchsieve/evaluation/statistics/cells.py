"""Detectors over many cells: is one better throughout, or here and there by chance?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

# With five pairs even five wins of five have p = 2 / 2**5 = 0.0625: no outcome could be significant at 5 %.
_FEWEST_PAIRS = 6
# Figures are shares of counts; beyond these decimals two equal differences differ by rounding.
_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class CellsComparison:
    """Wilcoxon's signed-rank test of paired figures.

    Attributes:
        pairs: number of cells in which both figures are defined.
        better: number of them in which the first figure is higher.
        worse: number in which the second is.
        mean_difference: of first minus second over the pairs; None without any.
        median_difference: the same.
        p_value: two-sided, of the hypothesis that the differences are symmetric about 0; equal pairs say nothing and
            are left out.
        undefined: why `p_value` is None; None where it is not.
    """

    pairs: int
    better: int
    worse: int
    mean_difference: float | None
    median_difference: float | None
    p_value: float | None
    undefined: str | None = None


@dataclass(frozen=True, slots=True)
class PairOfSystems:
    """Two of many systems, compared.

    Attributes:
        first: name of a system.
        second: name of another.
        comparison: of the two alone.
        p_holm: its p-value, corrected for the number of comparisons made; None where there is none.
    """

    first: str
    second: str
    comparison: CellsComparison
    p_holm: float | None


def compare_cells(first: Sequence[float | None], second: Sequence[float | None]) -> CellsComparison:
    """Compare a figure of two detectors over the same cells, in the same order.

    A pair must tell something that the others do not: cells that differ in nothing but the seed share their images, so
    take the mean over seeds first and give one pair for each category (and condition).

    The p-value is exact for up to 50 pairs that differ (13 where some differences are alike), else from the normal
    approximation. It is None with fewer than six pairs that differ, which no outcome could make significant at 5 %.

    Raises:
        ValueError: the lengths differ.

    References:
        Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} figures cannot be paired with {len(second)}")
    differences = np.round(
        [a - b for a, b in zip(first, second, strict=True) if a is not None and b is not None], _DECIMALS
    )
    differing = differences[differences != 0]
    p_value, undefined = None, None
    if len(differing) < _FEWEST_PAIRS:
        undefined = f"{len(differing)} pairs that differ are too few: it takes {_FEWEST_PAIRS}"
    else:
        p_value = float(stats.wilcoxon(differing).pvalue)
    return CellsComparison(
        pairs=len(differences),
        better=int(np.sum(differing > 0)),
        worse=int(np.sum(differing < 0)),
        mean_difference=float(differences.mean()) if len(differences) else None,
        median_difference=float(np.median(differences)) if len(differences) else None,
        p_value=p_value,
        undefined=undefined,
    )


def compare_systems(figures: Mapping[str, Sequence[float | None]]) -> tuple[PairOfSystems, ...]:
    """Compare every pair of systems over the same cells, with Holm's correction for their number.

    Args:
        figures: of each system by name: one for each cell, the cells in the same order for all.

    Raises:
        ValueError: the systems have different numbers of cells.
    """
    pairs = list(combinations(figures, 2))
    compared = [compare_cells(figures[first], figures[second]) for first, second in pairs]
    corrected = holm([comparison.p_value for comparison in compared])
    return tuple(
        PairOfSystems(first, second, comparison, p_holm)
        for (first, second), comparison, p_holm in zip(pairs, compared, corrected, strict=True)
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for having made several tests, by Holm's step-down procedure.

    Each corrected value may be read by itself: at 5 %, the chance of *any* false claim among all is at most 5 %,
    however the tests depend on each other. The false discovery rate, which lets a share of the claims be false,
    suits a screening of thousands; a table of a few pairs of detectors is read one line at a time.

    Args:
        p_values: None for a test that could not be made; it stays None and is not counted.

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    made = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(made):
        highest = max(highest, min(1.0, p * (len(made) - rank)))
        corrected[index] = highest
    return corrected
