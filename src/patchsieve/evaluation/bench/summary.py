"""Many cells, one row: means over seeds, then over categories."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from patchsieve.evaluation.bench.cells import CellResult


@dataclass(frozen=True, slots=True)
class Summary:
    """One system in one condition on one data set or category.

    Attributes:
        dataset: name of the data set.
        category: name of the category, None for the mean over all of the data set.
        system: name of the system.
        noise: noise rate.
        overlap: kind of overlap.
        means: mean by name of the metric, over seeds and then over categories; None where a cell does not have it.
        spreads: standard deviation between the seeds, of the means over categories; None for one seed.
        seeds: number of seeds.
        failed: number of cells that failed.
    """

    dataset: str
    category: str | None
    system: str
    noise: float
    overlap: str
    means: dict[str, float | None]
    spreads: dict[str, float | None]
    seeds: int
    failed: int


def summaries(
    results: Iterable[CellResult], metrics: Sequence[str], *, by_category: bool = False
) -> list[Summary]:
    """Sum results up, in the order in which they come.

    Args:
        results: of any cells.
        metrics: names of the figures wanted.
        by_category: a row for each category instead of one for a data set.
    """
    groups: dict[tuple[str, str | None, str, float, str], list[CellResult]] = {}
    for result in results:
        cell, condition = result.cell, result.cell.condition
        category = cell.category if by_category else None
        key = (cell.dataset, category, cell.system.name, condition.noise, condition.overlap)
        groups.setdefault(key, []).append(result)
    return [_summary(key, group, metrics) for key, group in groups.items()]


def _summary(
    key: tuple[str, str | None, str, float, str], group: list[CellResult], metrics: Sequence[str]
) -> Summary:
    seeds = sorted({result.cell.condition.seed for result in group})
    means: dict[str, float | None] = {}
    spreads: dict[str, float | None] = {}
    for metric in metrics:
        by_seed = [_mean([one for one in group if one.cell.condition.seed == seed], metric) for seed in seeds]
        known = [value for value in by_seed if value is not None]
        whole = len(known) == len(by_seed)
        means[metric] = float(np.mean(known)) if whole else None
        spreads[metric] = float(np.std(known, ddof=1)) if whole and len(known) > 1 else None
    return Summary(*key, means, spreads, len(seeds), sum(result.failure is not None for result in group))


def _mean(results: list[CellResult], metric: str) -> float | None:
    """Return the mean over categories; None where one of them has no such figure, so that no mean flatters."""
    values = [result.metrics.get(metric) for result in results]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
