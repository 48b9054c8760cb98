"""What the options of `patchsieve bench` mean: systems, conditions and categories from texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from patchsieve.cli import settings
from patchsieve.cli.console import warn
from patchsieve.errors import ConfigError

if TYPE_CHECKING:
    from patchsieve.evaluation.bench import BenchPreset, Category, Condition, System
    from patchsieve.images import Overlap, TooFew

# What runs where nobody says otherwise.
DETECTORS = ("adaptive", "softpatch", "patchcore", "padim")
NOISE = (0.0, 0.1)
OVERLAPS = ("none", "same")
SEEDS = 3


def chosen_preset(name: str | None) -> "BenchPreset | None":
    """Return the preset of this name; None for none. Raises `ConfigError`."""
    from patchsieve.evaluation.bench import BENCH_PRESETS

    if name is None:
        return None
    if name not in BENCH_PRESETS:
        raise ConfigError(f"there is no bench preset {name!r}; patchsieve bench --list-presets names them")
    return BENCH_PRESETS[name]


def found_categories(data: Sequence[Path], layout: str, only: str | None) -> "tuple[Category, ...]":
    """Return the categories below folders, those named if any are; say what is left out. Raises `ImagesError`."""
    from patchsieve.evaluation.bench import categories

    found, skipped = categories(data, layout=layout, only=_names(only) if only else ())
    for one in skipped:
        warn(f"{one.name} is left out: {one.reason}")
    return found


def chosen_systems(
    names: str | None,
    preset: "BenchPreset | None",
    backbone: str | None,
    given: dict[str, Any],
    vary: str | None,
) -> "tuple[System, ...]":
    """Return the systems by names, or those of the preset, with the settings that are given to all.

    Args:
        names: by commas; None for the preset's, or a few where there is none.
        preset: what they come from otherwise.
        backbone: for all of them; None for their own.
        given: settings for all that have them.
        vary: a setting with values, as ``--vary`` takes it.

    Raises:
        ConfigError: a name or a setting is not there, or a value cannot be.
    """
    from patchsieve.evaluation.bench import BenchPreset, named_systems, varied, with_settings

    known = named_systems()
    if names is None and preset is not None:
        chosen = preset
    else:
        wanted = _names(names) if names else DETECTORS
        for name in wanted:
            if name not in known:
                raise ConfigError(f"there is no detector {name!r} for a bench; there is {', '.join(known)}")
        chosen = BenchPreset(name="detectors", repeats="", systems=tuple(known[name] for name in wanted))
    if backbone is not None:
        settings.joined({"backbone": backbone}, given)
        chosen = chosen.on(backbone, given.pop("layers", None))
    systems = with_settings(chosen.systems, given) if given else chosen.systems
    if vary is None:
        return systems
    name, values = settings.variation(vary)
    return varied(systems, name, values)


def chosen_conditions(
    noise: str | None, overlap: str | None, seeds: int | None, preset: "BenchPreset | None"
) -> "tuple[Condition, ...]":
    """Return the conditions by rates and kinds of overlap, by commas, and seeds. Raises `ConfigError`."""
    from patchsieve.evaluation.bench import conditions
    from patchsieve.images import Overlap

    rates = tuple(_number(text) for text in _names(noise)) if noise else preset.noise if preset else NOISE
    kinds = tuple(_names(overlap)) if overlap else preset.overlaps if preset else OVERLAPS
    for kind in kinds:
        if kind not in get_args(Overlap):
            raise ConfigError(f"there is no overlap {kind!r}; there is {', '.join(get_args(Overlap))}")
    drawn = range(seeds) if seeds else preset.seeds if preset else range(SEEDS)
    return conditions(rates, cast("tuple[Overlap, ...]", kinds), drawn)


def chosen_too_few(name: str) -> "TooFew":
    """Return what to do where defective images do not suffice. Raises `ConfigError`."""
    from patchsieve.images import TooFew

    if name not in get_args(TooFew):
        raise ConfigError(f"--too-few cannot be {name!r}; it is one of {', '.join(get_args(TooFew))}")
    return cast("TooFew", name)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"the noise rate {text!r} is no number; give rates such as 0,0.1") from error
