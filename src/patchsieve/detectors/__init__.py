"""Detectors: one file per system, one small interface.

In: images, or their embeddings float32 `[N, H, W, C]`. Out: a `patchsieve.decisions.Result` with anomaly scores
`[N]`, anomaly maps `[N, h, w]` and verdicts; and a model file.
"""

from patchsieve.detectors.adaptive import AdaptiveSieve
from patchsieve.detectors.base import Detector
from patchsieve.detectors.cflow import CFlow
from patchsieve.detectors.denoised import Denoised
from patchsieve.detectors.ensemble import Ensemble
from patchsieve.detectors.padim import PaDiM
from patchsieve.detectors.patch_svdd import PatchSVDD
from patchsieve.detectors.patchcore import PatchCore
from patchsieve.detectors.quality import QualitySoftPatch
from patchsieve.detectors.registry import DETECTORS, PRESETS, detector_meant, load, make_detector
from patchsieve.detectors.softpatch import SoftPatch
from patchsieve.detectors.spade import SPADE

__all__ = [
    "DETECTORS",
    "PRESETS",
    "SPADE",
    "AdaptiveSieve",
    "CFlow",
    "Denoised",
    "Detector",
    "Ensemble",
    "PaDiM",
    "PatchCore",
    "PatchSVDD",
    "QualitySoftPatch",
    "SoftPatch",
    "detector_meant",
    "load",
    "make_detector",
]
