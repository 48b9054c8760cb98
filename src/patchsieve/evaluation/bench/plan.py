"""What a bench is made of: categories, systems and conditions; every combination is a cell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.evaluation.bench.cells import Cell, Condition, System
from patchsieve.images import Overlap, Skipped, read_categories


@dataclass(frozen=True, slots=True)
class Category:
    """A folder of labelled images that detectors are fitted on and judged by.

    Attributes:
        dataset: name of the data set it belongs to.
        name: of the category; that of the data set where it has one only.
        folder: of its images.
        layout: as `patchsieve.read_images` takes it.
    """

    dataset: str
    name: str
    folder: Path
    layout: str = "auto"


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """All experiments of a bench.

    Attributes:
        categories: what is learnt from and judged by.
        systems: what is fitted; their names are unique.
        conditions: what is done to the training images.
    """

    categories: tuple[Category, ...]
    systems: tuple[System, ...]
    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        for what, names in (
            ("detector", [system.name for system in self.systems]),
            ("category", [f"{category.dataset}/{category.name}" for category in self.categories]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ConfigError(f"there are two of the {what} {min(twice)}: name each once")
            if not names:
                raise ConfigError(f"there is no {what} to run")

    def cells(self, category: Category) -> Iterator[Cell]:
        """Yield the experiments on one category, those of one system and rate together."""
        for system in self.systems:
            for condition in self.conditions:
                yield Cell(category.dataset, category.name, system, condition)

    @property
    def all_cells(self) -> tuple[Cell, ...]:
        """Every experiment, in order."""
        return tuple(cell for category in self.categories for cell in self.cells(category))


def categories(
    roots: Sequence[Path], *, layout: str = "auto", only: Sequence[str] = ()
) -> tuple[tuple[Category, ...], tuple[Skipped, ...]]:
    """Find the categories of data sets.

    Args:
        roots: each the folder of a category, or one that holds several.
        layout: for all of them, as `patchsieve.read_images` takes it; one that is named makes every root a category.
        only: names of the categories to take; all where there are none.

    Returns:
        The categories, and the folders that look like one and cannot be read as such.

    Raises:
        ImagesError: a root holds no category, or one that is asked for is not there.
    """
    found: list[Category] = []
    skipped: list[Skipped] = []
    for root in roots:
        if layout != "auto":
            found.append(Category(root.resolve().name, root.resolve().name, root, layout))
            continue
        below = read_categories(root)
        skipped += below.skipped
        dataset = next(iter(below.folders)) if len(below.folders) == 1 else below.root.resolve().name
        found += [Category(dataset, name, folder) for name, folder in below.folders.items()]
    names = [category.name for category in found]
    for name in only:
        if name not in names:
            raise ImagesError(f"there is no category {name!r}; there is {', '.join(names)}")
    return tuple(category for category in found if not only or category.name in only), tuple(skipped)


def conditions(
    rates: Sequence[float], overlaps: Sequence[Overlap], seeds: Sequence[int]
) -> tuple[Condition, ...]:
    """Combine noise rates, kinds of overlap and seeds; without noise there is nothing that could overlap.

    Raises:
        ConfigError: a rate is negative or not a number.
    """
    for rate in rates:
        if not 0 <= rate < float("inf"):
            raise ConfigError(f"the noise rate {rate} must be 0 or more; 0.1 is a usual rate")
    clean: tuple[Overlap, ...] = ("none",)
    return tuple(
        Condition(rate, overlap, seed)
        for rate in dict.fromkeys(rates)
        for overlap in (tuple(dict.fromkeys(overlaps)) if rate else clean)
        for seed in seeds
    )
