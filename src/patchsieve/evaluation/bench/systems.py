"""The systems that a bench knows by name."""

from typing import Any

from patchsieve.detectors import DETECTORS
from patchsieve.evaluation.bench.cells import System

# Under names of their own: what the papers compare beside the detectors as they are.
_VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "softpatch-lof": ("softpatch", {"discriminator": "lof"}),
    "softpatch-nearest": ("softpatch", {"discriminator": "nearest"}),
    "softpatch-gaussian": ("softpatch", {"discriminator": "gaussian"}),
    "softpatch-mutual": ("softpatch", {"discriminator": "mutual"}),
    "softpatch-unweighted": ("softpatch", {"soft_weights": False}),
    "patchcore-25": ("patchcore", {"coreset_ratio": 0.25}),
    "patchcore-1": ("patchcore", {"coreset_ratio": 0.01}),
    "patchcore-random": ("patchcore", {"coreset": "random", "coreset_ratio": 0.01}),
    "denoised-0.1": ("denoised", {"drop": 0.1}),
}


def named_systems() -> dict[str, System]:
    """Return the systems by name: every detector with its default settings, and the variants of the papers.

    `softpatch` and `softpatch-lof` are the same as long as `lof` is the default; published figures are of the latter.
    """
    plain = {name: System(name, name) for name in DETECTORS}
    return plain | {name: System(name, *variant) for name, variant in _VARIANTS.items()}
