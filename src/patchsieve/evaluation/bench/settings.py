"""Settings given to many systems at once, and settings that an ablation varies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from patchsieve.detectors import DETECTORS
from patchsieve.errors import ConfigError
from patchsieve.evaluation.bench.cells import System


def with_settings(systems: Iterable[System], settings: Mapping[str, Any]) -> tuple[System, ...]:
    """Give settings to the systems that have them, in the place of their own.

    Raises:
        ConfigError: no system has a setting of that name.
    """
    given = tuple(systems)
    for name in settings:
        if not any(_has(system, name) for system in given):
            raise ConfigError(f"none of {', '.join(system.name for system in given)} has a setting {name!r}")
    return tuple(
        replace(
            system,
            settings={
                **system.settings,
                **{name: value for name, value in settings.items() if _has(system, name)},
            },
        )
        for system in given
    )


def varied(systems: Iterable[System], name: str, values: Sequence[Any]) -> tuple[System, ...]:
    """Return every system once for each value of a setting.

    Raises:
        ConfigError: a system does not have the setting, a value is there twice, or a system varies one already.
    """
    if len(set(map(str, values))) < len(values) or not values:
        raise ConfigError(f"vary {name} over different values, at least one: {', '.join(map(str, values))}")
    several = []
    for system in systems:
        if not _has(system, name):
            raise ConfigError(f"{system.name} has no setting {name!r} to vary; name detectors that have it")
        if system.varied is not None:
            raise ConfigError(f"{system.name} varies {system.varied[0]} already; vary one setting at a time")
        several += [
            System(
                f"{system.name} {name}={value}",
                system.detector,
                {**system.settings, name: value},
                (name, value),
            )
            for value in values
        ]
    return tuple(several)


def _has(system: System, name: str) -> bool:
    return any(field.name == name for field in fields(DETECTORS[system.detector]))
