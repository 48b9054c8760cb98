"""Tables of published figures: each one metric in one condition, with its source and what was corrected in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, with_config

from patchsieve.errors import ConfigError
from patchsieve.images import Overlap

# The categories of a data set that figures are published for, as its folders are called.
CATEGORIES: dict[str, tuple[str, ...]] = {
    "mvtec": (
        "bottle",
        "cable",
        "capsule",
        "carpet",
        "grid",
        "hazelnut",
        "leather",
        "metal_nut",
        "pill",
        "screw",
        "tile",
        "toothbrush",
        "transistor",
        "wood",
        "zipper",
    ),
    "btad": ("01", "02", "03"),
}


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where figures come from.

    Attributes:
        paper: who measured them, where that was published.
        table: which table of it.
        seen: addresses of the texts that they were read in.
    """

    paper: str
    table: str
    seen: tuple[str, ...]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A figure that is printed in two ways.

    Attributes:
        system: whose figure it is.
        category: of which category, or "mean".
        printed: the value that is not used.
        used: the value that is.
        reason: why, as a sentence without a full stop.
    """

    system: str
    category: str
    printed: float
    used: float
    reason: str


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """Published figures: one metric in one condition.

    Attributes:
        name: as `published` takes it.
        title: what it shows, for people.
        source: where the figures come from.
        dataset: a key of `CATEGORIES`.
        metric: a key of `METRICS`; shares from 0 to 1.
        noise: noise rate, as in `Condition`.
        overlap: as in `Condition`.
        decimals: how many are printed.
        figures: figure by category, by system; a system is called as in `named_systems`.
        means: printed average over the data set's categories, by system.
        corrections: figures that are printed in two ways; both tables hold what is used.
    """

    name: str
    title: str
    source: Source
    dataset: str
    metric: str
    noise: float
    overlap: Overlap
    decimals: int
    figures: Mapping[str, Mapping[str, float]]
    means: Mapping[str, float]
    corrections: tuple[Correction, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        """All categories of the data set, which its averages are over."""
        return CATEGORIES[self.dataset]

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems it has a figure for."""
        return tuple(dict.fromkeys([*self.figures, *self.means]))


def published(name: str) -> PublishedTable:
    """Return the table of this name. Raises `ConfigError` where there is none."""
    tables = published_tables()
    if name not in tables:
        raise ConfigError(f"there is no published table {name!r}; there are {', '.join(tables)}")
    return tables[name]


@cache
def published_tables() -> Mapping[str, PublishedTable]:
    """Return all tables by name."""
    found: list[Any] = []
    for entry in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml"):
            found += yaml.safe_load(entry.read_text(encoding="utf-8"))
    tables = TypeAdapter(list[PublishedTable]).validate_python(found)
    return {table.name: table for table in tables}
