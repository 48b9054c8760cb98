"""`patchsieve drift` on files: what it says, how it ends, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from patchsieve.bank import read_container, write_container


def changed(source: Path, target: Path, gain: float) -> Path:
    """Write the images of a folder with another exposure."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        pixels = np.asarray(Image.open(path)).astype(float) * gain
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(target / path.name)
    return target


@pytest.fixture
def today(parts, tmp_path) -> Path:
    return parts(tmp_path / "today", 20, first=500)


def test_images_of_the_same_line_are_no_drift(patchsieve, model_file, today) -> None:
    finished = patchsieve("drift", model_file, today)
    assert finished.code == 0, finished
    assert finished.out.startswith("No drift: today's 20 images look like training.")
    assert "brightness" in finished.out


def test_a_weaker_lamp_is_drift_and_its_cause_is_named(patchsieve, model_file, today, tmp_path) -> None:
    dark = changed(today, tmp_path / "dark", 0.8)
    finished = patchsieve("drift", model_file, dark, "--report", tmp_path / "drift.html")
    assert finished.code == 1, finished
    assert finished.out.startswith("Drift: today's 20 images no longer look like training.")
    assert "19 % darker than in training" in finished.out
    assert "look at: less light" in finished.out
    page = (tmp_path / "drift.html").read_text("utf-8")
    assert "less light" in page
    assert "the most similar image of training: part_" in page
    assert page.count("data:image/webp") >= 18


def test_defective_parts_are_no_drift(patchsieve, model_file, parts, tmp_path) -> None:
    mixed = parts(tmp_path / "mixed", 24, 6, first=500)
    finished = patchsieve("drift", model_file, mixed, "--format", "json")
    assert finished.code == 0, finished
    found = json.loads(finished.out)
    assert found["verdict"] != "drift"
    assert set(found["outstanding"]) <= {f"part_{index:02}.png" for index in range(24, 30)}


def test_json_says_all_that_the_table_says(patchsieve, model_file, today, tmp_path) -> None:
    dark = changed(today, tmp_path / "dark", 0.8)
    found = json.loads(patchsieve("drift", model_file, dark, "--format", "json").out)
    assert found["verdict"] == "drift"
    assert found["images"] == 20
    brightness = {test["direction"]: test for test in found["tests"] if test["name"] == "brightness"}
    assert brightness["lower"]["drifted"]
    assert not brightness["higher"]["drifted"]
    assert brightness["lower"]["change"] == pytest.approx(-0.2, abs=0.03)
    assert all(test["p_value"] <= test["p_holm"] <= 1 for test in found["tests"])
    assert found["rules"] == {
        "level": 0.01,
        "tolerated": 0.2,
        "effect": 0.64,
        "seed": 0,
    }


def test_broken_images_and_those_of_training_are_left_out_by_name(
    patchsieve, model_file, unsorted, today
) -> None:
    (today / "cut.png").write_bytes((today / "part_00.png").read_bytes()[:200])
    (today / "known.png").write_bytes((unsorted / "part_03.png").read_bytes())
    finished = patchsieve("drift", model_file, today)
    assert finished.code == 0, finished
    assert "left out cut.png" in finished.err
    assert "left out known.png: the model has learnt from the same image" in finished.err
    assert "today's 20 images" in finished.out
    assert "Error" not in finished.err


def test_a_model_of_before_says_what_it_lacks(patchsieve, model_file, today, tmp_path) -> None:
    tensors, header = read_container(model_file)
    old = {
        name: tensor
        for name, tensor in tensors.items()
        if name.split(".")[-1] not in ("pooled", "appearance")
    }
    del header["training"]["appearance"]
    write_container(tmp_path / "old.sieve", old, header)
    finished = patchsieve("drift", tmp_path / "old.sieve", today, "--report", tmp_path / "old.html")
    assert finished.code == 0, finished
    assert (
        "the model does not know of its training images how the backbone sees them as a whole or"
        in finished.err
    )
    assert "brightness" not in finished.out
    assert (tmp_path / "old.html").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--level", "0"), "level is 0.0: it must lie between 0.0005 and 0.5"),
        (("--tolerated", "0.7"), "nobody can tell defects from drift"),
        (("--effect", "0.3"), "it must be at least 0.5"),
    ],
)
def test_rules_that_cannot_work_are_refused(refused, model_file, today, flags, words) -> None:
    assert words in refused("drift", model_file, today, *flags)


def test_what_cannot_be_answered_ends_with_status_2(refused, model_file, unsorted, parts, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no images" in refused("drift", model_file, tmp_path / "empty")
    one = parts(tmp_path / "one", 1, first=700)
    assert "1 image against 28 of training: too few" in refused("drift", model_file, one)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    assert "none of the 1 images could be decoded" in refused("drift", model_file, tmp_path / "broken")
    assert "images that the model has learnt from" in refused("drift", model_file, unsorted)
    assert "nowhere" in refused("drift", tmp_path / "nowhere.sieve", one)
    assert "it is a folder" in refused("drift", model_file, one, "--report", tmp_path / "one")
