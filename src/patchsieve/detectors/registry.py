"""Detectors by name, from settings or from a model file."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from patchsieve.bank import read_container
from patchsieve.detectors.adaptive import AdaptiveSieve
from patchsieve.detectors.base import Detector
from patchsieve.detectors.cflow import CFlow
from patchsieve.detectors.denoised import Denoised
from patchsieve.detectors.ensemble import Ensemble
from patchsieve.detectors.frames import with_own_size
from patchsieve.detectors.padim import PaDiM
from patchsieve.detectors.patch_svdd import PatchSVDD
from patchsieve.detectors.patchcore import PatchCore
from patchsieve.detectors.quality import QualitySoftPatch
from patchsieve.detectors.softpatch import SoftPatch
from patchsieve.detectors.spade import SPADE
from patchsieve.errors import ConfigError, ModelFileError

DETECTORS: dict[str, type[Detector]] = {
    detector.system: detector
    for detector in (
        AdaptiveSieve,
        SoftPatch,
        PatchCore,
        QualitySoftPatch,
        PaDiM,
        SPADE,
        CFlow,
        PatchSVDD,
        Denoised,
        Ensemble,
    )
}

# Settings by name; under `detector` the system that has them where nobody names another.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "detector": "softpatch",
        "backbone": "timm:wide_resnet50_2",
        "layers": ["layer2", "layer3"],
        "image_size": 256,
        "crop": 224,
        "dims": 1024,
        "bank_size": None,
    },
    "course-project": {
        "detector": "patchcore",
        "backbone": "timm:wide_resnet50_2",
        "layers": ["layer1", "layer2", "layer3"],
        "image_size": 256,
        "crop": 224,
        "grid": 28,
        "patch_size": 1,
        "coreset": "random",
        "coreset_ratio": 1.0,
        "bank_size": 120_000,
        "index": "faiss-flat",
    },
    "padim": {
        "detector": "padim",
        "backbone": "timm:wide_resnet50_2",
        "layers": ["layer1", "layer2", "layer3"],
        "image_size": 256,
        "crop": 224,
        "channels": 550,
    },
    "padim-star": {
        "detector": "padim",
        "backbone": "timm:resnet18",
        "layers": ["layer1", "layer2", "layer3"],
        "image_size": 256,
        "crop": 224,
        "channels": 100,
    },
}


def detector_meant(settings: Iterable[str]) -> str:
    """Return which detector is meant where nobody names one: the adaptive sieve, unless settings are SoftPatch's own.

    Args:
        settings: the names of those that are given.
    """
    own = {field.name for field in fields(SoftPatch)} - {field.name for field in fields(AdaptiveSieve)}
    return SoftPatch.system if own.intersection(settings) else AdaptiveSieve.system


def make_detector(name: str, settings: Mapping[str, Any] | None = None) -> Detector:
    """Build an unfitted detector.

    Args:
        name: a key of `DETECTORS`.
        settings: constructor arguments by name, as YAML or the command line give them. With `tile` and no
            `image_size`, images are looked at whole and in their own size.

    Raises:
        ConfigError: there is no such detector or setting, or a value is of the wrong kind.
    """
    detector = DETECTORS.get(name)
    if detector is None:
        raise ConfigError(f"there is no detector {name!r}; choose one of {', '.join(DETECTORS)}")
    settings = with_own_size(settings or {})
    hints = get_type_hints(detector)
    known = [field.name for field in fields(detector)]
    for key in settings:
        if key not in known:
            raise ConfigError(f"{name} has no setting {key!r}; it has {', '.join(known)}")
    model = detector(**{key: _converted(key, value, hints[key]) for key, value in settings.items()})
    model.check()
    return model


def _converted(key: str, value: Any, kind: Any) -> Any:
    try:
        converted = TypeAdapter(kind, config=ConfigDict(strict=False)).validate_python(value)
    except ValidationError as error:
        raise ConfigError(
            f"the setting {key} cannot be {value!r}: {error.errors()[0]['msg'].lower()}"
        ) from error
    # A sequence in the form that scikit-learn's clone compares by value.
    return tuple(converted) if isinstance(converted, list) else converted


def load(path: Path | str, *, device: str = "auto") -> Detector:
    """Read a model of any system.

    Args:
        path: a file that `Detector.save` wrote.
        device: where it shall run.

    Raises:
        ModelFileError: the file is not a whole model, or what it needs is not the same here.
        BackboneError: its backbone is not available here.
    """
    tensors, kept = read_container(path)
    detector = DETECTORS.get(str(kept.get("detector")))
    if detector is None:
        raise ModelFileError(
            f"{path} holds a {kept.get('detector')!r} model, which this PatchSieve does not know"
        )
    return detector.restored(path, tensors, kept, device=device)
