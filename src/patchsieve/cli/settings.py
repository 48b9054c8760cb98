"""The settings of a fit: preset, then configuration file, then the command line; the later wins."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ByteSize, TypeAdapter, ValidationError

from patchsieve.errors import ConfigError


def merged(given: Mapping[str, Any], config: Path | None, preset: str | None) -> dict[str, Any]:
    """Return the settings by name, the key ``detector`` among them if anyone gave it.

    Args:
        given: what the command line gave.
        config: a YAML file of settings.
        preset: name of a preset.

    Raises:
        ConfigError: the file or the preset cannot be used.
    """
    asked = ({} if config is None else read_config(config)) | dict(given)
    return asked if preset is None else _preset(preset) | asked


def read_config(path: Path) -> dict[str, Any]:
    """Read settings from a YAML file.

    Raises:
        ConfigError: it cannot be read, is not YAML, or is not a mapping of settings.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the configuration {path} is not UTF-8 text; save it as such") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"the configuration {path} is not YAML: {_yaml_problem(error)}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise ConfigError(f"the configuration {path} must hold lines such as 'tau: 0.15'")
    return {str(name): _spelt(str(name), value) for name, value in settings.items()}


def assigned(assignments: Sequence[str]) -> dict[str, Any]:
    """Read "NAME=VALUE" texts, the value as YAML, as it would stand in a configuration file.

    Raises:
        ConfigError: one has no name or no value, is not YAML, or two are for the same setting.
    """
    settings: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        name = name.replace("-", "_")
        if not (name and equals and text):
            raise ConfigError(f"--set takes NAME=VALUE such as folds=5, not {assignment!r}")
        if name in settings:
            raise ConfigError(f"--set gives {name} twice: which of the two is meant?")
        try:
            settings[name] = _spelt(name, yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise ConfigError(
                f"the value in --set {assignment} is not YAML: {_yaml_problem(error)}; "
                "put values with brackets or colons into quotes"
            ) from error
    return settings


def variation(text: str) -> tuple[str, list[Any]]:
    """Read "NAME=V1,V2,...", each value as YAML, as it would stand in a configuration file.

    Raises:
        ConfigError: it has no name or no value, or is not YAML.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    if not (name and equals and values):
        raise ConfigError(f"--vary takes NAME=V1,V2 such as tau=0.05,0.15, not {text!r}")
    given = [assigned([f"{name}={value}"]) for value in values.split(",")]
    return next(iter(given[0])), [value for one in given for value in one.values()]


def joined(flags: Mapping[str, Any], assignments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the flags and ``--set`` give together: neither wins over the other.

    Raises:
        ConfigError: both give the same setting.
    """
    for name in assignments:
        if name in flags:
            raise ConfigError(
                f"{name} is given twice, by a flag of its own and by --set: which of the two is meant?"
            )
    return {**flags, **assignments}


def _spelt(name: str, value: Any) -> Any:
    """Read a text that stands for something else as the setting's flag reads it."""
    return _SPELT[name](value) if name in _SPELT and isinstance(value, str) else value


def _yaml_problem(error: yaml.YAMLError) -> str:
    """Return in one line what PyYAML says in six."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    return f"{error.problem} in line {error.problem_mark.line + 1}"


def size(text: str) -> int | tuple[int, int]:
    """Read "256" or "256x320" (height x width).

    Raises:
        ConfigError: it is neither.
    """
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise ConfigError(
            f"the size {text!r} is neither a number of pixels such as 256 nor HEIGHTxWIDTH such as 256x320"
        )
    return int(parts[0]) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


def image_size(text: str) -> int | tuple[int, int] | str:
    """Read a size, or "native" for that of the images. Raises `ConfigError`."""
    if text.lower() == "native":
        return "native"
    try:
        return size(text)
    except ConfigError as error:
        raise ConfigError(f"{error}, nor native for the size of the images") from error


def tile(text: str) -> int | tuple[int, int] | None:
    """Read a size, or "none" for whole images. Raises `ConfigError`."""
    return None if text.lower() == "none" else size(text)


def crop(text: str) -> int | tuple[int, int] | None:
    """Read a size, or "none" for no crop. Raises `ConfigError`."""
    return None if text.lower() == "none" else size(text)


def bank_size(text: str) -> int | None:
    """Read a number of patches, or "none" for no cap. Raises `ConfigError` where it is neither."""
    if text.lower() == "none":
        return None
    if not text.isdecimal():
        raise ConfigError(f"the bank size {text!r} is neither a number of patches such as 10000 nor none")
    return int(text)


def layers(text: str) -> list[str]:
    """Read names separated by commas. Raises `ConfigError` where there is none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError(f"layers is {text!r}: name layers of the backbone, separated by commas")
    return names


def memory(text: str) -> int:
    """Read a number of bytes such as "4GiB", "1500MB" or "4294967296".

    Raises:
        ConfigError: it is none.
    """
    wrong = ConfigError(f"the memory {text!r} is not a size such as 4GiB or 1500MB")
    # Pydantic reads as far as it understands: of "1,5GiB" the 1.
    if not re.fullmatch(r"\s*\d*\.?\d+\s*[a-zA-Z]*\s*", text):
        raise wrong
    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError as error:
        raise wrong from error


# A configuration file and --set may spell these as the flags do: `crop: none`, `image_size: 256x320`.
_SPELT: dict[str, Callable[[str], Any]] = {
    "image_size": image_size,
    "tile": tile,
    "grid": size,
    "crop": crop,
    "bank_size": bank_size,
    "layers": layers,
    "memory_budget": memory,
}


def _preset(name: str) -> dict[str, Any]:
    from patchsieve.detectors import PRESETS

    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; there is {', '.join(PRESETS)}")
    return dict(PRESETS[name])
