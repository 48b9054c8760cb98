"""The report of a folder in which each trouble was planted once."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from patchsieve.images import ImageRecord, ImageSet, InspectionReport, inspect_images, read_images


def inspected(root: Path) -> InspectionReport:
    return inspect_images(read_images(root))


def said(report: InspectionReport, *words: str) -> bool:
    return any(all(word in warning for word in words) for warning in report.warnings)


class Recorder:
    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def stage(self, title: str, total: int) -> "Recorder":
        self.calls.append((title, total))
        return self

    def advance(self, amount: int = 1) -> None:
        self.calls.append(("advance", amount))

    def end(self, stage: object) -> None:
        assert stage is self
        self.calls.append(("end", 0))


def test_a_clean_set_is_counted_and_gets_no_warning(mvtec: Path, save: object) -> None:
    for index in range(12, 20):
        save(mvtec / "train" / "good" / f"{index:03}.png")
    progress = Recorder()
    report = inspect_images(read_images(mvtec), progress=progress)
    counts = [(one.split, one.label, one.images) for one in report.classes]
    assert counts == [("train", "good", 20), ("test", "good", 3), ("test", "dent", 2), ("test", "scratch", 4)]
    assert [(one.width, one.height, one.images) for one in report.sizes] == [(8, 6, 29)]
    assert (report.modes, report.bits, report.formats) == ({"RGB": 29}, {8: 29}, {"PNG": 29})
    assert (report.layout, report.images, report.root) == ("mvtec", 29, mvtec)
    assert (report.unreadable, report.duplicates, report.missing_masks, report.wrong_masks) == (
        (),
        (),
        (),
        (),
    )
    assert report.warnings == ()
    assert progress.calls == [("Inspecting images", 29), *[("advance", 1)] * 29, ("end", 0)]


def test_broken_images_are_named_with_their_reasons_and_nothing_ends(mvtec: Path) -> None:
    good = mvtec / "train" / "good"
    (good / "000.png").write_text("not an image, sorry")
    (good / "001.png").write_bytes(b"")
    whole = (good / "002.png").read_bytes()
    (good / "002.png").write_bytes(whole[:-40])
    report = inspected(mvtec)
    reasons = {one.name: one.reason for one in report.unreadable}
    assert reasons["train/good/000.png"].startswith("a text file")
    assert reasons["train/good/001.png"] == "an empty file (0 bytes)"
    assert reasons["train/good/002.png"].startswith("truncated")
    assert len(reasons) == 3
    assert sum(one.images for one in report.sizes) == report.images - 3
    assert said(report, "3 images cannot be read", "train/good/000.png (a text file")
    assert said(report, "only 9 images to learn from")


def test_duplicates_by_bytes_and_by_pixels(mvtec: Path) -> None:
    good = mvtec / "train" / "good"
    shutil.copy(good / "000.png", good / "copy.png")
    Image.open(good / "001.png").save(good / "again.bmp")
    shutil.copy(good / "002.png", mvtec / "test" / "good" / "002.png")
    shutil.copy(good / "003.png", mvtec / "test" / "dent" / "000.png")
    groups = {group.names: group for group in inspected(mvtec).duplicates}
    assert {
        names: (group.kind, group.across_splits, group.conflicting) for names, group in groups.items()
    } == {
        ("train/good/000.png", "train/good/copy.png"): ("file", False, False),
        ("train/good/001.png", "train/good/again.bmp"): ("pixels", False, False),
        ("train/good/002.png", "test/good/002.png"): ("file", True, False),
        ("train/good/003.png", "test/dent/000.png"): ("file", True, True),
    }
    report = inspected(mvtec)
    assert [group.names[0] for group in report.across_splits] == ["train/good/002.png", "train/good/003.png"]
    assert said(
        report, "2 pictures in both train and test", "train/good/002.png = test/good/002.png and 1 more"
    )
    assert said(
        report, "1 picture labelled both good and defective", "train/good/003.png = test/dent/000.png"
    )
    assert said(report, "2 exact duplicates")


def test_pixels_of_another_shape_are_no_duplicate() -> None:
    images = read_images(
        [np.zeros((4, 6, 3), np.uint8), np.zeros((6, 4, 3), np.uint8), np.zeros((4, 6), np.uint8)]
    )
    report = inspect_images(images)
    assert [group.names for group in report.duplicates] == [("array-0", "array-2")]
    assert report.formats == {"array": 3}


def test_masks_missing_of_another_size_broken_and_empty(mvtec: Path, save: object) -> None:
    truth = mvtec / "ground_truth" / "scratch"
    (truth / "000_mask.png").unlink()
    save(truth / "001_mask.png", size=(8, 7), value=255, mode="L")
    (truth / "002_mask.png").write_text("no mask")
    save(truth / "003_mask.png", value=0, mode="L")
    report = inspected(mvtec)
    assert report.missing_masks == ("test/scratch/000.png",)
    wrong = {one.name: one.reason for one in report.wrong_masks}
    assert wrong["test/scratch/001.png"].startswith("the mask is 8 x 7 pixels, its image 8 x 6")
    assert wrong["test/scratch/002.png"].startswith("a text file")
    assert wrong["test/scratch/003.png"].startswith("the mask is empty")
    assert len(wrong) == 3
    assert said(report, "3 masks without use")
    assert said(report, "1 defective image without a mask: test/scratch/000.png")


def test_a_set_without_any_masks_misses_none(mvtec: Path) -> None:
    shutil.rmtree(mvtec / "ground_truth")
    report = inspected(mvtec)
    assert report.missing_masks == ()
    assert not said(report, "mask")


def test_mixed_sizes_modes_and_rotation(mvtec: Path, save: object) -> None:
    good = mvtec / "train" / "good"
    save(good / "big.png", size=(80, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (6, 8), 9).save(good / "turned.png", exif=exif)
    report = inspected(mvtec)
    assert {(one.width, one.height): one.images for one in report.sizes} == {(8, 6): 22, (80, 60): 1}
    assert report.modes == {"RGB": 22, "L": 1}
    assert said(report, "2 sizes, from 8 x 6 to 80 x 60 pixels: brought to one frame")
    assert said(report, "1 grey and 22 colour images")
    save(good / "wide.png", size=(160, 60))
    assert said(inspected(mvtec), "3 sizes", "aspect ratios from 1.33 to 2.67")


def test_twelve_bits_in_sixteen_are_nearly_black(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for index in range(3):
        Image.fromarray(rng.integers(0, 4096, (6, 8), dtype=np.uint16)).save(tmp_path / f"{index}.png")
    report = inspected(tmp_path)
    assert report.bits == {16: 3}
    assert said(report, "the 3 16-bit images", "multiply them by 16")
    Image.fromarray(np.full((6, 8), 60000, np.uint16)).save(tmp_path / "bright.png")
    assert not said(inspected(tmp_path), "multiply")


@pytest.mark.parametrize(
    ("label", "suspicious"),
    [
        ("godo", True),
        ("good_2", True),
        ("ok parts", True),
        ("not good", False),
        ("bad", False),
        ("scratch", False),
        ("wood", False),
        ("hole", False),
    ],
)
def test_a_defect_class_that_sounds_good(mvtec: Path, save: object, label: str, suspicious: bool) -> None:
    save(mvtec / "test" / label / "0.png")
    assert said(inspected(mvtec), f"{label!r} counts as a defect but sounds good") == suspicious


def test_one_class_under_two_names(mvtec: Path, save: object) -> None:
    save(mvtec / "test" / "Scratches" / "0.png")
    assert not said(inspected(mvtec), "different names")
    save(mvtec / "test" / "Dents" / "0.png")
    assert said(inspected(mvtec), "'Dents', 'dent' look like one class under different names")


def test_a_test_part_of_one_kind(mvtec: Path) -> None:
    shutil.rmtree(mvtec / "test" / "good")
    assert said(inspected(mvtec), "hold no good one")
    for defect in ("dent", "scratch"):
        (mvtec / "test" / defect).rename(mvtec / f"away-{defect}")
    (mvtec / "train" / "good").rename(mvtec / "test" / "good")
    (mvtec / "train" / "good").mkdir()
    assert said(inspected(mvtec), "hold no defective one")


def test_an_empty_set_gives_an_empty_report() -> None:
    report = inspect_images(ImageSet(Path(), "folder", ()))
    assert report.images == 0
    assert said(report, "only 0 images to learn from")


def test_a_record_without_a_file_or_pixels_is_unreadable() -> None:
    report = inspect_images(ImageSet(Path(), "folder", (ImageRecord("ghost"),)))
    assert [one.name for one in report.unreadable] == ["ghost"]
