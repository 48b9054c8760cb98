"""The settings of a fit: preset, then configuration file, then flags; the later wins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from patchsieve.errors import ConfigError

_NONE = "none"


def merged(flags: Mapping[str, Any], config: Path | None, preset: str | None) -> dict[str, Any]:
    """Return the settings by name, the key ``detector`` among them if anyone gave it.

    Args:
        flags: what the command line gave; None where a flag was not given.
        config: a YAML file of settings.
        preset: name of a preset.

    Raises:
        ConfigError: the file or the preset cannot be used.
    """
    settings: dict[str, Any] = {}
    if preset is not None:
        settings |= _preset(preset)
    if config is not None:
        settings |= read_config(config)
    return settings | {name: value for name, value in flags.items() if value is not None}


def read_config(path: Path) -> dict[str, Any]:
    """Read settings from a YAML file.

    Raises:
        ConfigError: it cannot be read, is not YAML, or is not a mapping of settings.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {path} is not YAML: {error}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise ConfigError(f"the configuration {path} must hold lines such as 'tau: 0.15'")
    return {str(name): value for name, value in settings.items()}


def size(text: str | None) -> int | tuple[int, int] | None:
    """Read "256" or "256x320" (height x width).

    Raises:
        ConfigError: it is neither.
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise ConfigError(
            f"the size {text!r} is neither a number of pixels such as 256 nor HEIGHTxWIDTH such as 256x320"
        )
    return int(parts[0]) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


def crop_setting(text: str | None) -> dict[str, Any]:
    """Return the setting for a crop: "none" turns it off, which is not the same as not saying anything."""
    if text is None:
        return {}
    return {"crop": None if text.lower() == _NONE else size(text)}


def _preset(name: str) -> dict[str, Any]:
    from patchsieve.detectors import PRESETS

    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; there is {', '.join(PRESETS)}")
    return dict(PRESETS[name])
