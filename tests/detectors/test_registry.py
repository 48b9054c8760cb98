"""Detectors by name, with settings as YAML and the command line give them."""

from dataclasses import fields

import pytest
from sklearn.base import clone

from patchsieve.detectors import (
    DETECTORS,
    PRESETS,
    SPADE,
    AdaptiveSieve,
    Denoised,
    Ensemble,
    PaDiM,
    PatchCore,
    QualitySoftPatch,
    SoftPatch,
    make_detector,
)
from patchsieve.errors import ConfigError


def test_every_system_is_found_by_its_name() -> None:
    known = {
        "softpatch": SoftPatch,
        "patchcore": PatchCore,
        "adaptive": AdaptiveSieve,
        "quality_softpatch": QualitySoftPatch,
        "padim": PaDiM,
        "spade": SPADE,
        "denoised": Denoised,
        "ensemble": Ensemble,
    }
    assert known.items() <= DETECTORS.items()
    for name, detector in DETECTORS.items():
        assert type(make_detector(name)) is detector
        assert detector.system == name


def test_settings_are_brought_to_their_types() -> None:
    model = make_detector(
        "softpatch",
        {"tau": "0.2", "lof_k": "4", "layers": ["stage2", "stage3"], "image_size": [128, 96], "crop": None},
    )
    assert (
        model.get_params()
        == SoftPatch(
            tau=0.2, lof_k=4, layers=("stage2", "stage3"), image_size=(128, 96), crop=None
        ).get_params()
    )
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_settings_of_the_detector_that_they_are_for(preset: str) -> None:
    settings = dict(PRESETS[preset])
    model = make_detector(settings.pop("detector", "softpatch"), settings)
    assert {field.name for field in fields(model)} >= set(settings)


def test_the_papers_preset_is_one_of_patchcore_too() -> None:
    settings = {name: value for name, value in PRESETS["paper"].items() if name != "detector"}
    assert make_detector("patchcore", settings).dims == 1024


def test_the_course_project_is_patchcore_on_one_grid_with_a_random_bank() -> None:
    settings = dict(PRESETS["course-project"])
    model = make_detector(settings.pop("detector"), settings)
    assert isinstance(model, PatchCore)
    assert (model.layers, model.grid, model.patch_size) == (("layer1", "layer2", "layer3"), 28, 1)
    assert (model.coreset, model.coreset_ratio, model.bank_size) == ("random", 1.0, 120_000)
    assert (model.index, model.reweight_neighbours) == ("faiss-flat", 0)


@pytest.mark.parametrize(
    ("preset", "backbone", "channels"),
    [("padim", "timm:wide_resnet50_2", 550), ("padim-star", "timm:resnet18", 100)],
)
def test_the_presets_of_padim_are_those_of_its_paper(preset: str, backbone: str, channels: int) -> None:
    settings = dict(PRESETS[preset])
    model = make_detector(settings.pop("detector"), settings)
    assert isinstance(model, PaDiM)
    assert (model.backbone, model.channels) == (backbone, channels)
    assert model.layers == ("layer1", "layer2", "layer3")
    assert (model.image_size, model.crop, model.patch_size, model.sigma) == (256, 224, 1, 4.0)
    assert model.gaussian_eps == 0.01


def test_the_papers_preset_is_that_of_the_papers() -> None:
    settings = dict(PRESETS["paper"])
    model = make_detector(settings.pop("detector"), settings)
    assert isinstance(model, SoftPatch)
    assert model.backbone == "timm:wide_resnet50_2"
    assert model.layers == ("layer2", "layer3")
    assert (model.image_size, model.crop, model.dims, model.patch_size) == (256, 224, 1024, 3)
    assert (model.tau, model.lof_k, model.coreset_ratio, model.sigma) == (0.15, 6, 0.1, 4.0)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("efficientad", {}, "no detector 'efficientad'; choose one of adaptive, softpatch, patchcore"),
        ("patchcore", {"tau": 0.1}, "patchcore has no setting 'tau'; it has backbone, "),
        ("softpatch", {"tau": "much"}, "the setting tau cannot be 'much'"),
        ("softpatch", {"image_size": [1, 2, 3]}, r"the setting image_size cannot be \[1, 2, 3\]"),
        ("softpatch", {"soft_weights": "perhaps"}, "the setting soft_weights cannot be"),
        ("softpatch", {"tau": 2}, "tau is 2"),
    ],
)
def test_what_does_not_exist_or_fit_is_said(name: str, settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_detector(name, settings)
