"""Detectors as parts of another detector: built from its settings, kept in its model file."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import torch

from patchsieve.detectors.base import Detector
from patchsieve.errors import ConfigError

# Of several ways to extract features, all the same for a detector and its parts.
COMMON = tuple(field.name for field in fields(Detector))


def make_part(
    whole: Detector, name: str, settings: Mapping[str, Any], *, apart: Collection[str] = ()
) -> Detector:
    """Build an unfitted detector that works as part of another.

    What all detectors have in common, it has from the whole: they work from the same features.

    Args:
        whole: what it is part of.
        name: a key of `DETECTORS`.
        settings: of the part alone.
        apart: those of the common settings that the part may have for itself.

    Raises:
        ConfigError: there is no such detector or setting, a value is of the wrong kind or cannot work, or the
            setting is one for the whole.
    """
    # Not at the top: the registry holds the detectors that have parts, so it can be asked only when all are there.
    from patchsieve.detectors.registry import make_detector

    for key in settings:
        if key in COMMON and key not in apart:
            raise ConfigError(f"{key} cannot be set for {name} alone: set it for the whole {whole.system}")
    common = {key: getattr(whole, key) for key in COMMON}
    try:
        part = make_detector(name, {**common, **settings})
    except ConfigError as error:
        raise ConfigError(f"in {whole.system}: {error}") from error
    if part.system == "ensemble":
        raise ConfigError(
            f"an ensemble cannot be part of {whole.system}: its members may need features of their own"
        )
    return part


def own_settings(part: Detector) -> dict[str, Any]:
    """Return the settings of a detector that not all detectors have."""
    return {key: value for key, value in part.get_params(deep=False).items() if key not in COMMON}


def named(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a part's tensors by the names they have in the file of the whole."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def of_part(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of a part, by its own names, from the file of the whole."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
