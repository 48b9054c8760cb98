"""Measured figures beside published ones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patchsieve.evaluation.bench.cells import CellResult
from patchsieve.evaluation.bench.published.tables import PublishedTable, published
from patchsieve.images import Overlap

Numbers = npt.NDArray[np.float64]
# Figure by seed, by category.
Figures = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One published figure and ours.

    Attributes:
        dataset: ours, e.g. the name of a folder.
        system: its name.
        category: or "mean", of the categories that both have.
        published: the figure in print. A mean over fewer categories than the paper's is of its figures for these.
        ours: mean over the seeds.
        spread: standard deviation between the seeds; None for one seed.
        seeds: how many.
        categories: how many categories it is of: 1, or for the mean those that it is over.
    """

    dataset: str
    system: str
    category: str
    published: float
    ours: float
    spread: float | None
    seeds: int
    categories: int = 1

    @property
    def difference(self) -> float:
        """Ours minus the published figure."""
        return self.ours - self.published


def compared(results: Sequence[CellResult], table: PublishedTable | str) -> list[Reproduction]:
    """Put our figures beside those of a published table.

    A result belongs to the table if its system is called as one of the table's, its category is one of the data
    set's and its condition is the table's, whatever its own data set is called: compare each table with results of
    the data set it is of. Failed cells and figures that are None do not count.

    Args:
        results: of any systems, categories and conditions.
        table: a published table, or its name.

    Returns:
        rows by data set and system: the categories that both have, in the table's order, and last their mean. A
        table of averages alone gives the mean, where ours is over all its categories.

    Raises:
        ConfigError: there is no table of this name.
    """
    table = published(table) if isinstance(table, str) else table
    ours = _figures_by_system(results, table.metric, table.noise, table.overlap)
    rows: list[Reproduction] = []
    for dataset in dict.fromkeys(dataset for dataset, _ in ours):
        for system in table.systems:
            rows += _rows(dataset, system, table, ours.get((dataset, system), {}))
    return rows


def _figures_by_system(
    results: Iterable[CellResult], metric: str, noise: float, overlap: Overlap
) -> dict[tuple[str, str], dict[str, dict[int, float]]]:
    """Return the figures in one condition by (data set, system), by category, by seed."""
    found: dict[tuple[str, str], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for result in results:
        cell, condition, value = result.cell, result.cell.condition, result.metrics.get(metric)
        # Without noise there is nothing that could overlap.
        same = condition.noise == noise and (condition.overlap == overlap or not noise)
        if same and result.failure is None and value is not None:
            found[cell.dataset, cell.system.name][cell.category][condition.seed] = value
    return {key: dict(categories) for key, categories in found.items()}


def _rows(dataset: str, system: str, table: PublishedTable, ours: Figures) -> list[Reproduction]:
    theirs = table.figures.get(system, {})
    both = [category for category in table.categories if category in theirs and category in ours]
    rows = [
        _row(dataset, system, category, theirs[category], np.array([*ours[category].values()]))
        for category in both
    ]
    whole = all(category in ours for category in table.categories)
    if whole and system in table.means:
        both, printed = [*table.categories], table.means[system]
    elif both:
        printed = float(np.mean([theirs[category] for category in both]))
    else:
        return rows
    means = _seed_means([ours[category] for category in both])
    if len(means):
        rows.append(_row(dataset, system, "mean", printed, means, len(both)))
    return rows


def _row(
    dataset: str, system: str, category: str, theirs: float, ours: Numbers, categories: int = 1
) -> Reproduction:
    return Reproduction(
        dataset, system, category, theirs, float(ours.mean()), _spread(ours), len(ours), categories
    )


def _seed_means(categories: Sequence[Mapping[int, float]]) -> Numbers:
    """Return the mean over categories for each seed that all of them have."""
    seeds = [seed for seed in categories[0] if all(seed in figures for figures in categories)]
    return np.array([np.mean([figures[seed] for figures in categories]) for seed in seeds])


def _spread(values: Numbers) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
