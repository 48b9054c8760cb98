"""The tables and figures of the papers."""

from dataclasses import fields, replace
from typing import Any

from patchsieve.detectors import DETECTORS, PRESETS, Detector
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


def _as_in_papers(*names: str, **settings: Any) -> tuple[System, ...]:
    """Return systems with the network, frame and layers of the papers."""
    return tuple(
        replace(system, settings={**_paper_settings(system), **system.settings, **settings})
        for system in systems(*names)
    )


def _paper_settings(system: System) -> dict[str, Any]:
    detector = DETECTORS[system.detector]
    if detector.backbone != Detector.backbone:
        return {}
    # PaDiM, SPADE and CFLOW take three layers in their papers, PatchCore and SoftPatch two.
    preset = PRESETS["padim" if system.detector in ("padim", "spade", "cflow") else "paper"]
    known = {field.name for field in fields(detector)}
    return {name: value for name, value in preset.items() if name in known}


def _padim_star() -> System:
    settings = {name: value for name, value in PRESETS["padim-star"].items() if name != "detector"}
    return System("padim-star", "padim", settings)


_COMPARED = (
    _padim_star(),
    *_as_in_papers("cflow", "patchcore", "patchcore-random", *WEIGHTED),
)
# No limit to the bank but its ratio, as in the papers.
_DENOISED = {**_paper_settings(System("denoised", "denoised")), "second_settings": {"bank_size": None}}

_ONE_NETWORK = (
    "both parts of image-level denoising see the same features; the paper gives the first a small network"
)

PAPER_PRESETS = (
    BenchPreset(
        name="paper-table-1",
        repeats="SoftPatch's Table 1: its discriminators beside other systems on MVTec AD, 10 % noise, both overlaps",
        dataset="mvtec",
        systems=_COMPARED,
        published=("softpatch-code-image", "softpatch-plus-image", "softpatch-code-pixel"),
        remarks=(
            "Table 1 of the source has the figures of SoftPatch-lof and PaDiM* for bottle in each other's place: "
            "1.000 is SoftPatch-lof's, 0.937 is PaDiM*'s",
        ),
    ),
    BenchPreset(
        name="paper-table-2",
        repeats="SoftPatch's Table 2: BTAD; PatchCore and SoftPatch on whole images of 512 pixels with banks of 1 %",
        dataset="btad",
        systems=(
            *_as_in_papers("padim"),
            *_as_in_papers("patchcore", *WEIGHTED, image_size=512, crop=None, coreset_ratio=0.01),
        ),
        published=("softpatch-code-btad-image", "softpatch-code-btad-pixel", "softpatch-review-btad-image"),
        remarks=(
            "category 03 has too few defective images for 10 % noise; the authors repeat them with small rotations "
            "and translations",
            "the authors found defects among the good training images of category 02: it is noisy as it is",
        ),
    ),
    BenchPreset(
        name="paper-table-4",
        repeats="SoftPatch's Table 4: each noise discriminator with and without soft weights, 10 % noise",
        dataset="mvtec",
        systems=(*_as_in_papers("patchcore"), *discriminators(_as_in_papers(*WEIGHTED))),
        noise=(0.1,),
        published=("softpatch-code-image", "softpatch-plus-image"),
        remarks=(
            "the row without a discriminator is PatchCore; Table 4 of the source prints other figures for it than "
            "Table 1",
        ),
    ),
    BenchPreset(
        name="paper-table-5",
        repeats="SoftPatch's Table 5: the number of neighbours of the local outlier factor, 10 % noise",
        dataset="mvtec",
        systems=varied(_as_in_papers("softpatch-lof"), "lof_k", LOF_K),
        noise=(0.1,),
        remarks=(
            "K = 6 is the setting of Tables 1 and 2; Table 5 of the source prints other figures for it",
        ),
    ),
    BenchPreset(
        name="paper-table-7",
        repeats="SoftPatch's Tables 7 and 8: leaving out images beside leaving out patches, no overlap",
        dataset="mvtec",
        systems=(
            *_as_in_papers("patchcore", "softpatch-lof"),
            *denoised((0.1, 0.15), _DENOISED),
        ),
        noise=(0.1,),
        overlaps=("none",),
        published=("softpatch-code-image", "softpatch-code-pixel"),
        remarks=(_ONE_NETWORK,),
    ),
    BenchPreset(
        name="paper-table-8",
        repeats="SoftPatch's Tables 7 and 8: leaving out images beside leaving out patches, with overlap",
        dataset="mvtec",
        systems=(
            *_as_in_papers("patchcore", "softpatch-lof"),
            *denoised((0.1, 0.15), _DENOISED),
        ),
        noise=(0.1,),
        overlaps=("same",),
        remarks=(_ONE_NETWORK,),
    ),
    BenchPreset(
        name="paper-table-9",
        repeats="SoftPatch's Table 9: what fitting and scoring take",
        dataset="mvtec",
        systems=_COMPARED,
        noise=(0.1,),
        overlaps=("none",),
        seeds=(0,),
        remarks=("times are of this machine, whatever was printed: only their order can be compared",),
    ),
    BenchPreset(
        name="paper-figure-3",
        repeats="SoftPatch's Figures 3, 6 and 7: image AUROC as the noise grows",
        dataset="mvtec",
        systems=_COMPARED,
        noise=(0.0, 0.05, 0.1, 0.15),
        published=("softpatch-code-image",),
    ),
    BenchPreset(
        name="paper-figure-4",
        repeats="SoftPatch's Figure 4: the share of patches that is sieved out, 10 % noise",
        dataset="mvtec",
        systems=varied(_as_in_papers("softpatch-lof"), "tau", TAU),
        noise=(0.1,),
    ),
    BenchPreset(
        name="paper-appendix-a7",
        repeats="SoftPatch's appendix A.7: overlapping images that are learnt with noise, blurred, turned or sheared",
        dataset="mvtec",
        systems=_as_in_papers("patchcore", "softpatch-lof"),
        noise=(0.1,),
        overlaps=("gaussian_noise", "noise_and_blur", "rotation", "affine"),
        published=tuple(
            f"softpatch-review-{overlap}-{metric}"
            for overlap in ("gaussian-noise", "noise-and-blur", "rotation", "affine")
            for metric in ("image", "pixel")
        ),
    ),
    BenchPreset(
        name="paper-clean",
        repeats="The clean figures of PatchCore, PaDiM, SPADE, CFLOW and Patch SVDD in their own papers",
        dataset="mvtec",
        systems=_as_in_papers(
            "patchcore-25", "patchcore", "patchcore-1", "padim", "spade", "cflow", "patch_svdd"
        ),
        noise=(0.0,),
        overlaps=("none",),
        published=(
            "patchcore-table-s1",
            "patchcore-table-s2",
            "patchcore-table-s3",
            "padim-pixel",
            "spade-pixel",
            "spade-aupro",
            "patch-svdd-image",
            "patch-svdd-pixel",
            "averages-image",
            "averages-pixel",
        ),
        remarks=(
            "CFLOW's paper chooses an image size for each category; here all have one",
            "PatchCore's paper weights image scores by their neighbourhood; here, as in its authors' code, none are",
        ),
    ),
)
