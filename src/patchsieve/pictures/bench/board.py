"""The results of a bench, arranged for pictures: what there is, and means and spreads over seeds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import NamedTuple, get_args

from patchsieve.evaluation.bench import CellResult, System
from patchsieve.evaluation.statistics import spread
from patchsieve.images import Overlap

OVERLAPS: tuple[Overlap, ...] = get_args(Overlap)
OVERLAP_WORDS: dict[Overlap, str] = {
    "none": "no overlap: noise images leave the test",
    "same": "overlap: noise images stay in the test",
    "gaussian_noise": "overlap, copies with Gaussian noise",
    "noise_and_blur": "overlap, copies with noise and blur",
    "rotation": "overlap, rotated copies",
    "affine": "overlap, copies moved, scaled and rotated",
}
# The noise rate that the paper's tables are about.
_USUAL_NOISE = 0.1


def condition_words(noise: float, overlap: Overlap) -> str:
    """Return e.g. "10 % noise, overlap", or "clean"."""
    return f"{100 * noise:g} % noise, {OVERLAP_WORDS[overlap].partition(':')[0]}" if noise else "clean"


class Place(NamedTuple):
    """A category of a data set."""

    dataset: str
    category: str

    @property
    def stem(self) -> str:
        """What the files about it are called, e.g. "mvtec-bottle"."""
        return "-".join(dict.fromkeys(self))


class Mean(NamedTuple):
    """A mean over seeds and its spread: the standard deviation between them, None for one seed."""

    value: float
    spread: float | None
    seeds: int

    def text(self, digits: int = 3) -> str:
        """Return e.g. "0.953 ±0.004"."""
        spread = "" if self.spread is None else f" ±{self.spread:.{digits}f}"
        return f"{self.value:.{digits}f}{spread}"


class _Key(NamedTuple):
    system: str
    place: Place
    noise: float
    overlap: Overlap
    seed: int


@dataclass(frozen=True, eq=False)
class Board:
    """All results of a bench; of two for the same experiment the later one counts.

    Attributes:
        results: in any order; failures among them.
    """

    results: Sequence[CellResult]

    @cached_property
    def failures(self) -> tuple[CellResult, ...]:
        """What failed and was not made up for by a later result."""
        last = {_key(result): result for result in self.results}
        return tuple(result for result in last.values() if result.failure is not None)

    @cached_property
    def cells(self) -> dict[_Key, CellResult]:
        """The results that are none."""
        last = {_key(result): result for result in self.results}
        return {key: result for key, result in last.items() if result.failure is None}

    @cached_property
    def systems(self) -> dict[str, System]:
        """The systems with a result, by name, in the order of their first result."""
        return {result.cell.system.name: result.cell.system for result in self.cells.values()}

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """Names of the systems that are compared as they are: those that no ablation varies."""
        return tuple(name for name, system in self.systems.items() if system.varied is None)

    def of(self, systems: Iterable[str]) -> "Board":
        """Return the board of some systems only: averages are then of the categories that these have."""
        names = set(systems)
        return Board([result for result in self.results if result.cell.system.name in names])

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The categories with a result, in the order of their first one."""
        return tuple(dict.fromkeys(key.place for key in self.cells))

    @cached_property
    def place_names(self) -> dict[Place, str]:
        """What the categories are called: by their data set too where there are several."""
        one = len({place.dataset for place in self.places}) == 1
        return {
            place: place.category if one or place.category == place.dataset else " / ".join(place)
            for place in self.places
        }

    @cached_property
    def overlaps(self) -> tuple[Overlap, ...]:
        """The kinds of overlap; "none" where all is clean."""
        found = {key.overlap for key in self.cells if key.noise}
        return tuple(kind for kind in OVERLAPS if kind in found) or ("none",)

    def rates(self, overlap: Overlap) -> tuple[float, ...]:
        """Return the noise rates of a kind of overlap, 0 among them where there are clean results."""
        return tuple(sorted({key.noise for key in self.cells if not key.noise or key.overlap == overlap}))

    def noisy_rate(self, overlap: Overlap) -> float | None:
        """Return the noise rate to show where only one can be: the usual one, else the highest."""
        rates = [rate for rate in self.rates(overlap) if rate]
        return _USUAL_NOISE if _USUAL_NOISE in rates else max(rates, default=None)

    def seeds(self, noise: float, overlap: Overlap) -> tuple[int, ...]:
        """Return the seeds of a condition, in order."""
        return self._seeds.get((noise, overlap if noise else "none"), ())

    @cached_property
    def _seeds(self) -> dict[tuple[float, Overlap], tuple[int, ...]]:
        found: dict[tuple[float, Overlap], set[int]] = {}
        for key in self.cells:
            found.setdefault((key.noise, key.overlap), set()).add(key.seed)
        return {condition: tuple(sorted(seeds)) for condition, seeds in found.items()}

    def result(
        self, system: str, place: Place, noise: float, overlap: Overlap, seed: int
    ) -> CellResult | None:
        """Return the result of one cell, None where there is none or a failure."""
        return self.cells.get(_Key(system, place, noise, overlap if noise else "none", seed))

    def value(
        self, metric: str, system: str, place: Place, noise: float, overlap: Overlap, seed: int
    ) -> float | None:
        """Return one figure, None where it is not defined."""
        result = self.result(system, place, noise, overlap, seed)
        number = None if result is None else result.metrics.get(metric)
        return None if number is None or not math.isfinite(number) else float(number)

    def has(self, metric: str) -> bool:
        """Say whether any result has this figure."""
        return any(result.metrics.get(metric) is not None for result in self.cells.values())

    def averaged(self, metric: str, overlap: Overlap) -> tuple[Place, ...]:
        """Return the categories that averages are of: those with a value at every noise rate of this overlap.

        A curve of averages must not bend because another category joins in.
        """
        return self._averaged[metric, overlap]

    @cached_property
    def _averaged(self) -> "_Averaged":
        return _Averaged(self)

    def mean(
        self, metric: str, system: str, noise: float, overlap: Overlap, place: Place | None = None
    ) -> Mean | None:
        """Return a system's mean over seeds, of one category or of the average over `averaged`.

        A seed with a category missing does not count; None where no seed counts.
        """
        places = self.averaged(metric, overlap) if place is None else (place,)
        values = []
        for seed in self.seeds(noise, overlap):
            each = [self.value(metric, system, one, noise, overlap, seed) for one in places]
            known = [value for value in each if value is not None]
            if known and len(known) == len(places):
                values.append(fmean(known))
        over_seeds = spread(values)
        if over_seeds.mean is None:
            return None
        return Mean(over_seeds.mean, over_seeds.deviation, over_seeds.count)


class _Averaged(dict[tuple[str, Overlap], tuple[Place, ...]]):
    """The categories of averages, found out once each."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board

    def __missing__(self, key: tuple[str, Overlap]) -> tuple[Place, ...]:
        metric, overlap = key
        found = {
            (cell.place, cell.noise)
            for cell, result in self._board.cells.items()
            if (not cell.noise or cell.overlap == overlap) and result.metrics.get(metric) is not None
        }
        rates = {rate for _, rate in found}
        places = tuple(place for place in self._board.places if all((place, rate) in found for rate in rates))
        self[key] = places
        return places


def _key(result: CellResult) -> _Key:
    cell, condition = result.cell, result.cell.condition
    overlap = condition.overlap if condition.noise else "none"
    return _Key(
        cell.system.name, Place(cell.dataset, cell.category), condition.noise, overlap, condition.seed
    )
