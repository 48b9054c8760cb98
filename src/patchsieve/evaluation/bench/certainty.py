"""How sure the results of a bench are: intervals of averages, and paired tests between systems."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats

from patchsieve.evaluation.bench.cells import CellResult
from patchsieve.evaluation.statistics import (
    AurocComparison,
    Interval,
    auroc_interval,
    compare_aurocs,
    compare_systems,
    holm,
)
from patchsieve.images import Overlap

# Below that, no result of the signed-rank test over categories reaches 5 %.
_CATEGORIES = 6


class Comparison(NamedTuple):
    """Two systems, compared on the same cells or images.

    Attributes:
        first: name of a system.
        second: name of another.
        difference: of the means, first minus second; None where nothing can be compared.
        p: p-value of the paired test, corrected for the number of comparisons; None where there is none.
    """

    first: str
    second: str
    difference: float | None
    p: float | None


@dataclass(frozen=True)
class Certainty:
    """How sure the results of one metric in one condition are.

    Attributes:
        metric: a key of `METRICS`.
        noise: noise rate.
        overlap: kind of overlap.
        intervals: confidence interval (low, high) by name of the system.
        comparisons: between the systems.
        method: how the intervals were found, in a sentence.
        test: how the p-values of the comparisons were found, in a sentence.
        category: data set and category that it is about; None for the average over all.
    """

    metric: str
    noise: float
    overlap: Overlap
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    comparisons: Sequence[Comparison] = ()
    method: str = ""
    test: str = ""
    category: tuple[str, str] | None = None


_Place = tuple[str, str]
# The first seed's results of one system, by data set and category.
_Cells = Mapping[_Place, CellResult]


def auroc_certainty(results: Sequence[CellResult]) -> list[Certainty]:
    """Say for every condition how well the test images pin the image AUROC down, and who is better.

    Other seeds have most images in common and say little about other *images*, so all is of the first seed of each
    condition. An average is over all categories of the condition; a system that lacks one of them has no interval there
    and is compared with none. With six categories or more the test is Wilcoxon's over categories (would the difference
    hold for other products?), with fewer it is DeLong's on their images, the categories' differences averaged (would it
    hold for other images of these?).

    Args:
        results: of any cells; failed ones do not count.

    Returns:
        For each condition that of the average, with comparisons, and where there are several categories that of each,
        intervals alone.
    """
    groups: dict[tuple[float, Overlap], dict[str, dict[_Place, CellResult]]] = {}
    for result in sorted(results, key=lambda one: one.cell.condition.seed):
        condition = result.cell.condition
        if result.failure is None:
            group = groups.setdefault((condition.noise, condition.overlap), {})
            place = (result.cell.dataset, result.cell.category)
            group.setdefault(result.cell.system.name, {}).setdefault(place, result)
    return [one for (noise, overlap), systems in groups.items() for one in _certain(noise, overlap, systems)]


def _certain(noise: float, overlap: Overlap, systems: Mapping[str, _Cells]) -> Iterator[Certainty]:
    each = {
        name: {place: auroc_interval(cell.labels, cell.scores) for place, cell in cells.items()}
        for name, cells in systems.items()
    }
    places = sorted({place for cells in systems.values() for place in cells})
    whole = {name: cells for name, cells in systems.items() if len(cells) == len(places)}
    if len(places) >= _CATEGORIES:
        comparisons = _over_categories(whole, places)
        test = f"Wilcoxon's signed-rank test over {len(places)} categories"
    else:
        comparisons = _over_images(whole, places)
        test = "DeLong's test on the same test images, differences averaged over categories"
    ends = {name: _averaged_ends([each[name][place] for place in places]) for name in whole}
    yield Certainty(
        metric="image_auroc",
        noise=noise,
        overlap=overlap,
        intervals={name: both for name, both in ends.items() if both is not None},
        comparisons=comparisons,
        method=(
            "Intervals cover 95 % (bootstrap over test images, BCa, of the first seed; of several categories "
            "combined as independent)."
        ),
        test=f"P-values are those of {test}, corrected after Holm.",
    )
    for place in places if len(places) > 1 else []:
        found = {name: intervals.get(place) for name, intervals in each.items()}
        yield Certainty(
            metric="image_auroc",
            noise=noise,
            overlap=overlap,
            intervals={name: (one.low, one.high) for name, one in found.items() if one is not None},
            method="Intervals cover 95 % (bootstrap over test images, BCa, of the first seed).",
            category=place,
        )


def _averaged_ends(found: Sequence[Interval | None]) -> tuple[float, float] | None:
    """Combine the categories' intervals: their distances from the mean add up as those of independent errors do."""
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    centre = np.mean([one.value for one in known])
    below = np.sqrt(sum((one.value - one.low) ** 2 for one in known)) / len(known)
    above = np.sqrt(sum((one.high - one.value) ** 2 for one in known)) / len(known)
    return float(max(0.0, centre - below)), float(min(1.0, centre + above))


def _over_categories(systems: Mapping[str, _Cells], places: Sequence[_Place]) -> tuple[Comparison, ...]:
    figures = {
        name: [cells[place].metrics.get("image_auroc") for place in places] for name, cells in systems.items()
    }
    return tuple(
        Comparison(pair.first, pair.second, pair.comparison.mean_difference, pair.p_holm)
        for pair in compare_systems(figures)
    )


def _over_images(systems: Mapping[str, _Cells], places: Sequence[_Place]) -> tuple[Comparison, ...]:
    pairs = list(combinations(systems, 2))
    tests = [
        _averaged([_on_the_same(systems[first][place], systems[second][place]) for place in places])
        for first, second in pairs
    ]
    corrected = holm([p for _, p in tests])
    return tuple(
        Comparison(*pair, difference, p)
        for pair, (difference, _), p in zip(pairs, tests, corrected, strict=True)
    )


def _on_the_same(first: CellResult, second: CellResult) -> AurocComparison | None:
    """Compare on the images that both have, where they agree what these are."""
    if first.names != second.names:
        return None
    return compare_aurocs(first.labels, first.scores, second.scores)


def _averaged(tests: Sequence[AurocComparison | None]) -> tuple[float | None, float | None]:
    """Return the mean difference over categories and its two-sided p-value."""
    differences = [test.difference if test is not None else None for test in tests]
    known = [difference for difference in differences if difference is not None]
    if not known or len(known) < len(tests):
        return None, None
    mean = float(np.mean(known))
    errors = [test.standard_error for test in tests if test is not None]
    variance = sum(error**2 for error in errors if error is not None) / len(known) ** 2
    if None in errors or not variance:
        return mean, None
    return mean, float(2 * stats.norm.sf(abs(mean) / np.sqrt(variance)))
