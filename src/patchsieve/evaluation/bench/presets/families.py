"""Systems that several presets are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from patchsieve.evaluation.bench.cells import System
from patchsieve.evaluation.bench.settings import varied
from patchsieve.evaluation.bench.systems import named_systems

WEIGHTED = ("softpatch-nearest", "softpatch-gaussian", "softpatch-lof")
LOF_K = (3, 4, 5, 6, 7, 8, 9)
TAU = (0.0, 0.03, 0.06, 0.09, 0.12, 0.15, 0.18, 0.21)


def systems(*names: str, **settings: Any) -> tuple[System, ...]:
    """Return named systems, with these settings in the place of their own."""
    known = named_systems()
    return tuple(
        replace(known[name], settings={**known[name].settings, **settings}) if settings else known[name]
        for name in names
    )


def discriminators(systems: Sequence[System]) -> tuple[System, ...]:
    """Return each with and without soft weights."""
    return tuple(
        version for system in systems for version in (system, *varied([system], "soft_weights", [False]))
    )


def denoised(shares: Sequence[float], settings: Mapping[str, Any]) -> tuple[System, ...]:
    """Return image-level denoising before PatchCore, once for each share of images that it leaves out."""
    system = System("denoised", "denoised", {**settings, "first": "padim", "second": "patchcore"})
    return varied([system], "drop", shares)
