"""Presets of the bench: every one builds what it names."""

import json
import re

import pytest

from patchsieve.detectors import DETECTORS, make_detector
from patchsieve.errors import ConfigError
from patchsieve.evaluation.bench import Cell, Condition
from patchsieve.evaluation.bench.presets import BENCH_PRESETS, BenchPreset
from patchsieve.evaluation.bench.published import CATEGORIES, published
from patchsieve.evaluation.bench.systems import named_systems

every_preset = pytest.mark.parametrize("preset", BENCH_PRESETS.values(), ids=BENCH_PRESETS)


@pytest.mark.parametrize("name", named_systems())
def test_a_named_system_can_be_built(name: str) -> None:
    system = named_systems()[name]
    assert system.name == name
    assert make_detector(system.detector, system.settings).system == system.detector


def test_every_detector_has_its_name() -> None:
    assert set(DETECTORS) <= set(named_systems())


@every_preset
def test_a_preset_builds_its_detectors(preset: BenchPreset) -> None:
    for system in preset.systems:
        make_detector(system.detector, system.settings)
    names = [system.name for system in preset.systems]
    assert len(set(names)) == len(names)


@every_preset
def test_no_experiment_of_a_preset_is_another_by_a_second_name(preset: BenchPreset) -> None:
    keys = {Cell("set", "part", system, Condition()).key for system in preset.systems}
    assert len(keys) == len(preset.systems)


@every_preset
def test_a_preset_is_of_its_name(preset: BenchPreset) -> None:
    assert BENCH_PRESETS[preset.name] is preset
    assert re.fullmatch(r"[a-z0-9-]+", preset.name)
    assert preset.repeats[0].isupper()
    assert not preset.repeats.endswith(".")
    assert preset.seeds
    assert preset.overlaps


@every_preset
def test_what_is_varied_is_what_the_settings_have(preset: BenchPreset) -> None:
    for system in preset.systems:
        if system.varied is not None:
            name, value = system.varied
            assert system.name == f"{system.base} {name}={value}"
            held = system.settings[name]
            assert value == ("+".join(held) if name == "layers" else held)


@every_preset
def test_published_tables_meet_the_preset(preset: BenchPreset) -> None:
    for name in preset.published:
        table = published(name)
        assert table.dataset == preset.dataset
        assert table.noise in preset.noise
        assert not table.noise or table.overlap in preset.overlaps
        assert set(table.systems) & {system.name for system in preset.systems}


def test_every_published_table_is_met_by_a_preset() -> None:
    from patchsieve.evaluation.bench.published import published_tables

    assert {name for preset in BENCH_PRESETS.values() for name in preset.published} == set(published_tables())
    assert {preset.dataset for preset in BENCH_PRESETS.values()} == {None, *CATEGORIES}


@pytest.mark.parametrize(
    "preset", [preset for preset in BENCH_PRESETS.values() if preset.dataset], ids=lambda preset: preset.name
)
def test_papers_have_no_other_limit_to_a_bank_than_its_ratio(preset: BenchPreset) -> None:
    for system in preset.systems:
        if system.detector in ("softpatch", "patchcore"):
            settings = system.settings
            assert (settings["backbone"], settings["layers"]) == (
                "timm:wide_resnet50_2",
                ["layer2", "layer3"],
            )
            assert (settings["dims"], settings["bank_size"]) == (1024, None)
            assert (settings["image_size"], settings["crop"]) == (
                (512, None) if preset.dataset == "btad" else (256, 224)
            )


def test_another_backbone_takes_the_old_layers_with_it() -> None:
    preset = BENCH_PRESETS["paper-clean"].on("efficientnet_lite0")
    for system in preset.systems:
        make_detector(system.detector, system.settings)
        if system.name != "patch_svdd":
            assert system.settings["backbone"] == "efficientnet_lite0"
            assert not {"layers", "dims"} & set(system.settings)
    assert preset.systems[-1] is BENCH_PRESETS["paper-clean"].systems[-1]
    # What was chosen otherwise stays.
    assert preset.systems[0].settings["coreset_ratio"] == 0.25
    assert preset.systems[0].settings["bank_size"] is None


def test_another_backbone_with_its_layers() -> None:
    preset = BENCH_PRESETS["paper-figure-4"].on("efficientnet_lite0", ["stage3", "stage5"])
    assert {json.dumps(system.settings["layers"]) for system in preset.systems} == {'["stage3", "stage5"]'}
    assert [system.settings["tau"] for system in preset.systems] == [
        system.varied[1] for system in preset.systems if system.varied
    ]


@pytest.mark.parametrize("name", ["ablation-backbones", "ablation-layers"])
def test_what_varies_the_backbone_has_no_other(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"{name} varies the (backbone|layers): it cannot have another backbone"
    ):
        BENCH_PRESETS[name].on("dinov2_vits14")


def test_the_crop_is_the_same_part_of_every_size() -> None:
    for system in BENCH_PRESETS["ablation-image-size"].systems:
        assert system.settings["crop"] * 8 == system.settings["image_size"] * 7


def test_the_swapped_figures_are_told_with_the_table() -> None:
    assert any("0.937 is PaDiM*'s" in remark for remark in BENCH_PRESETS["paper-table-1"].remarks)
    assert any("other figures" in remark for remark in BENCH_PRESETS["paper-table-4"].remarks)
    assert any("other figures" in remark for remark in BENCH_PRESETS["paper-table-5"].remarks)
