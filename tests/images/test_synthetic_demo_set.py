"""The demonstration's folder: counts, layout, truth, and no image twice."""

import hashlib
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from patchsieve.errors import ConfigError, ImagesError, PatchSieveError
from patchsieve.images import read_images
from patchsieve.images.synthetic import DEFECT_KINDS, render_part, write_demo_set

COUNTS = {"train_good": 20, "noise": 0.3, "test_good": 5, "test_defective_per_kind": 2, "size": 64}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return write_demo_set(tmp_path_factory.mktemp("demo") / "set", **COUNTS, seed=3)


def files_below(root):
    return {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}


def test_counts_are_those_asked_for(demo):
    folders = Counter(name.rsplit("/", 1)[0] for name in files_below(demo.root) if "/" in name)
    assert folders.pop("train/good") == 26
    assert folders.pop("test/good") == 5
    expected = {f"{part}/{kind}": 2 for part in ("test", "ground_truth") for kind in DEFECT_KINDS}
    assert folders == expected
    assert len(demo.hidden) == 6


def test_hidden_defects_are_of_known_kinds_and_not_all_at_one_end(demo):
    numbers = sorted(int(name[-7:-4]) for name in demo.hidden)
    assert set(demo.hidden.values()) <= set(DEFECT_KINDS)
    assert numbers != list(range(6))
    assert numbers != list(range(20, 26))


def test_a_drifting_line_repeats_itself(tmp_path):
    hidden = write_demo_set(
        tmp_path, train_good=12, noise=0.9, test_good=0, test_defective_per_kind=0, size=64
    ).hidden
    assert len(hidden) == 10
    assert max(Counter(hidden.values()).values()) >= 4


def test_every_file_is_what_the_truth_says(demo):
    for image in demo.images:
        pixels, mask = render_part(image.seed, demo.size, image.defect)
        np.testing.assert_array_equal(np.asarray(Image.open(demo.root / image.name)), pixels)
        if image.split == "test" and image.defect:
            stem = image.name.rsplit("/", 1)[1].removesuffix(".png")
            stored = Image.open(demo.root / "ground_truth" / image.defect / f"{stem}_mask.png")
            np.testing.assert_array_equal(np.asarray(stored), mask * 255)
        assert mask.any() == (image.defect is not None)


def test_no_image_stands_in_the_set_twice(demo):
    contents = [hashlib.sha256((demo.root / image.name).read_bytes()).digest() for image in demo.images]
    assert len(set(contents)) == len(demo.images)


def test_truth_file_holds_the_answers(demo):
    truth = json.loads((demo.root / "truth.json").read_text())
    assert truth["hidden"] == demo.hidden
    assert truth["seed"] == 3
    assert set(truth["versions"]) == {"patchsieve", "python", "numpy", "scipy", "pillow"}
    assert [entry["name"] for entry in truth["images"]] == [image.name for image in demo.images]
    assert all(isinstance(entry["seed"], int) and entry["seed"] < 2**53 for entry in truth["images"])


def test_the_folder_is_read_as_mvtec_with_masks(demo):
    images = read_images(demo.root)
    assert images.layout == "mvtec"
    assert set(images.names) == {image.name for image in demo.images}
    defective = images.where(lambda record: record.defective is True)
    assert len(defective) == 2 * len(DEFECT_KINDS)
    assert all(record.mask is not None for record in defective)


def test_same_seed_same_bytes_and_another_seed_another_set(demo, tmp_path):
    write_demo_set(tmp_path / "again", **COUNTS, seed=3)
    other = write_demo_set(tmp_path / "other", **COUNTS, seed=4)
    first, again = files_below(demo.root), files_below(tmp_path / "again")
    assert {name: path.read_bytes() for name, path in first.items()} == {
        name: path.read_bytes() for name, path in again.items()
    }
    assert not {image.seed for image in other.images} & {image.seed for image in demo.images}


class Recorder:
    """Listens to the progress; stops the work as Ctrl-C would."""

    def __init__(self, stop_after=None):
        self.total, self.done, self.stop_after = None, 0, stop_after

    def stage(self, title, total):  # noqa: ARG002
        self.total = total
        return self

    def end(self, stage):
        pass

    def advance(self, amount=1):
        self.done += amount
        if self.done == self.stop_after:
            raise KeyboardInterrupt


def test_writing_again_over_a_set_that_was_cut_short(tmp_path):
    small = {"train_good": 3, "noise": 0.4, "test_good": 1, "test_defective_per_kind": 0, "size": 64}

    with pytest.raises(KeyboardInterrupt):
        write_demo_set(tmp_path, **small, progress=Recorder(stop_after=2))
    assert not (tmp_path / "truth.json").exists()
    steps = Recorder()
    write_demo_set(tmp_path, **small, progress=steps)
    assert (steps.total, steps.done) == (5, 5)
    assert (tmp_path / "truth.json").exists()


def test_other_images_in_the_folder_are_neither_mixed_in_nor_touched(tmp_path):
    stranger = tmp_path / "train" / "good" / "mine.png"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"mine")
    with pytest.raises(ImagesError, match=r"mine\.png"):
        write_demo_set(tmp_path, **COUNTS)
    assert list(files_below(tmp_path)) == ["train/good/mine.png"]
    assert stranger.read_bytes() == b"mine"


def test_a_root_that_is_a_file_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PatchSieveError, match="file"):
        write_demo_set(tmp_path / "file", **COUNTS)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"train_good": 0}, "train_good"),
        ({"noise": -0.1}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"test_good": -1}, "test_good"),
        ({"test_defective_per_kind": -1}, "test_defective_per_kind"),
        ({"size": 32}, "64"),
        ({"seed": -1}, "seed"),
    ],
)
def test_numbers_that_cannot_work_write_nothing(tmp_path, wrong, words):
    with pytest.raises(ConfigError, match=words):
        write_demo_set(tmp_path / "set", **{**COUNTS, **wrong})
    assert not (tmp_path / "set").exists()
