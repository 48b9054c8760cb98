"""Ablations and comparisons for any data, on the default backbone."""

from dataclasses import replace

from patchsieve.evaluation.bench.cells import System
from patchsieve.evaluation.bench.presets.families import (
    LOF_K,
    TAU,
    WEIGHTED,
    denoised,
    discriminators,
    systems,
)
from patchsieve.evaluation.bench.presets.preset import BenchPreset
from patchsieve.evaluation.bench.settings import varied
from patchsieve.evaluation.bench.systems import named_systems

# Without "softpatch", which is "softpatch-lof" by another name.
_EVERY = tuple(system for name, system in named_systems().items() if name != "softpatch")
_WITNESSES = (0, 1, 4)
# The first leaves no image out: the radii alone.
_CONTAMINATION = (1e-6, 0.05, 0.1, 0.2)


def _layered(*choices: str) -> tuple[System, ...]:
    return tuple(
        replace(
            system,
            name=f"{system.name} layers={layers}",
            settings={**system.settings, "backbone": "efficientnet_lite0", "layers": layers.split("+")},
            varied=("layers", layers),
        )
        for system in systems("patchcore", "softpatch-lof")
        for layers in choices
    )


def _sized(*sizes: int) -> tuple[System, ...]:
    # The crop is the same part of the image whatever its size.
    return tuple(
        replace(system, settings={**system.settings, "crop": size * 7 // 8})
        for size in sizes
        for system in varied(systems("patchcore", "softpatch-lof"), "image_size", [size])
    )


ABLATION_PRESETS = (
    BenchPreset(
        name="all-detectors",
        repeats="Every detector and the variants of the papers, with and without noise",
        systems=_EVERY,
    ),
    BenchPreset(
        name="ablation-discriminators",
        repeats="Each noise discriminator with and without soft weights, beside PatchCore",
        systems=(*systems("patchcore"), *discriminators(systems(*WEIGHTED, "softpatch-mutual"))),
    ),
    BenchPreset(
        name="ablation-adaptive",
        repeats="The adaptive sieve: witnesses, contamination given, no soft weights, one and eight worst patches",
        systems=(
            *systems("patchcore", "softpatch-lof", "adaptive"),
            *varied(systems("adaptive"), "witnesses", _WITNESSES),
            *varied(systems("adaptive"), "contamination", _CONTAMINATION),
            *varied(systems("adaptive"), "soft_weights", (False,)),
            *varied(systems("adaptive"), "worst_patches", (1, 8)),
        ),
        noise=(0.0, 0.05, 0.1, 0.2, 0.4),
    ),
    BenchPreset(
        name="ablation-tau",
        repeats="The share of patches that is sieved out",
        systems=varied(systems("softpatch-lof"), "tau", TAU),
    ),
    BenchPreset(
        name="ablation-lof-k",
        repeats="The number of neighbours of the local outlier factor",
        systems=varied(systems("softpatch-lof"), "lof_k", LOF_K),
    ),
    BenchPreset(
        name="ablation-coreset",
        repeats="The share of patches that enters the bank, without another limit",
        systems=varied(
            systems("patchcore", "softpatch-lof", bank_size=None), "coreset_ratio", (0.01, 0.05, 0.1, 0.25)
        ),
    ),
    BenchPreset(
        name="ablation-backbones",
        repeats="The bundled backbones",
        systems=varied(
            systems("patchcore", "softpatch-lof"),
            "backbone",
            ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
        ),
    ),
    BenchPreset(
        name="ablation-layers",
        repeats="Which layers of the default backbone the features are of",
        systems=_layered("stage3", "stage5", "stage6", "stage3+stage5", "stage3+stage6"),
    ),
    BenchPreset(
        name="ablation-image-size",
        repeats="The size that images are brought to, of which the middle 7/8 are looked at",
        systems=_sized(128, 192, 256, 320),
    ),
    BenchPreset(
        name="ablation-denoising",
        repeats="Leaving out images beside leaving out patches",
        systems=(*systems("patchcore", "softpatch-lof"), *denoised((0.05, 0.1, 0.15), {})),
    ),
    BenchPreset(
        name="timing",
        repeats="What fitting and scoring take, and how large a model is: every detector once, with a threshold",
        systems=_EVERY,
        noise=(0.1,),
        overlaps=("none",),
        seeds=(0,),
    ),
)
