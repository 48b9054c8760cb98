import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.sieve"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side):
    """A whole black PNG of side x side pixels, one bit each, in a few kilobytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    line = bytes(1 + -(-side // 8))
    data = b"".join(packer.compress(line * 1000) for _ in range(side // 1000)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.fixture
def broken(tmp_path, parts, part):
    """Ten parts and one each of: a truncated JPEG, a text file, an empty file, a bomb."""
    folder = parts(tmp_path / "broken", 10)
    part(50).image.save(folder / "cut.jpg")
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("Shift 2: camera cleaned.\n")
    (folder / "empty.png").write_bytes(b"")
    (folder / "bomb.png").write_bytes(bomb(30_000))
    return folder


REASONS = {
    "bomb.png": "30000 x 30000 pixels are 900 megapixels, over the limit of 179",
    "cut.jpg": "truncated JPEG",
    "empty.png": "an empty file (0 bytes)",
    "text.png": "a text file, not an image (PNG, JPEG, BMP, TIFF, WebP, PNM, JPEG 2000, GIF)",
}


@pytest.mark.parametrize("command", ["check", "fit", "predict", "evaluate"])
def test_a_missing_and_an_empty_folder(refused, tmp_path, out, model_file, command):
    model = [model_file] if command in ("predict", "evaluate") else []
    options = ["--out", out] if command == "fit" else []
    assert "nowhere: no such file or directory" in refused(command, *model, tmp_path / "nowhere", *options)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("x")
    said = refused(command, *model, tmp_path / "empty", *options)
    assert "no images in" in said
    assert ".txt" in said


def test_one_image(refused, parts, tmp_path, out):
    said = refused("fit", parts(tmp_path / "one", 1), "--out", out, small=True)
    assert "only 1 distinct usable training image" in said
    assert "at least 2 are needed" in said


def test_two_images_are_enough_where_neighbours_are_not_counted(patchsieve, parts, tmp_path, out):
    folder = parts(tmp_path / "two", 2)
    for options in (["--discriminator", "nearest"], ["--detector", "patchcore"]):
        ended = patchsieve("fit", folder, "--out", out, *options, small=True)
        assert ended.code == 0
        assert "2 training images" in ended.err


def test_one_image_more_than_neighbours_is_needed_and_enough(refused, patchsieve, parts, tmp_path, out):
    fit = ("fit", "--detector", "softpatch", "--out", out)
    said = refused(*fit, parts(tmp_path / "six", 6), small=True)
    assert "needs at least 7 training images and has 6" in said
    assert "smaller k" in said
    assert patchsieve(*fit, tmp_path / "six", "--lof-k", 5, small=True).code == 0
    assert patchsieve(*fit, parts(tmp_path / "seven", 7), small=True).code == 0


def test_copies_of_one_image_are_one_image(refused, part, tmp_path, out):
    folder = tmp_path / "same"
    folder.mkdir()
    part(0).image.save(folder / "0.png")
    for index in range(1, 10):
        shutil.copy(folder / "0.png", folder / f"{index}.png")
    said = refused("fit", folder, "--out", out, small=True)
    assert "only 1 distinct usable training image" in said
    assert "9 more are left out, as exact copies or unreadable" in said


def test_one_image_saved_in_many_ways_is_no_variation(refused, part, tmp_path, out):
    folder = tmp_path / "same"
    folder.mkdir()
    for level in range(10):
        part(0).image.save(folder / f"{level}.png", compress_level=level)
    said = refused("fit", folder, "--out", out, small=True)
    assert "all 10 training images" in said
    assert "look identical" in said
    assert "camera" in said


def test_images_of_mixed_sizes_shapes_and_modes_are_learnt_together(patchsieve, part, tmp_path, out):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for index, size in enumerate([(96, 96), (120, 80), (50, 140), (33, 33)] * 2):
        image = part(index, size=size).image
        image.convert(("RGB", "L", "RGBA", "P")[index // 2]).save(folder / f"{index}.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (64, 80), dtype=np.uint16)).save(
        folder / "deep.png"
    )
    assert patchsieve("fit", folder, "--out", out, small=True).code == 0
    finished = patchsieve("predict", out, folder, "--format", "csv")
    assert finished.code == 0
    assert len(finished.out.splitlines()) == 10


def test_fit_names_counts_and_skips_what_it_cannot_read(patchsieve, broken, out):
    finished = patchsieve("fit", broken, "--out", out, small=True)
    assert finished.code == 0
    for name, reason in REASONS.items():
        assert f"warning: skipped {name}: {reason}" in finished.err
    assert "of 10 training images are above it" in finished.err
    page = out.with_suffix(".html").read_text()
    assert all(name in page for name in REASONS)


def test_predict_gives_a_skipped_image_a_row_with_the_reason(patchsieve, broken, model_file):
    finished = patchsieve("predict", model_file, broken, "--format", "csv")
    assert finished.code == 0
    rows = [line for line in finished.out.splitlines() if ",skipped," in line]
    assert sorted(line.split(",")[0] for line in rows) == sorted(REASONS)
    assert "cut.jpg,,,skipped,,,,truncated JPEG" in rows
    assert "warning: 4 of 14 images could not be decoded and have no verdict" in finished.err


def test_predict_names_what_it_left_out_of_the_folder(patchsieve, broken, model_file):
    for name in ("one.heic", "two.svg"):
        (broken / name).write_bytes(b"an image of a kind that is not read")
    finished = patchsieve("predict", model_file, broken, "--format", "csv")
    assert finished.code == 0
    assert "warning: left out one.heic (" in finished.err
    assert ") and 1 more: patchsieve check lists all" in finished.err
    assert "heic" not in finished.out


def test_check_lists_what_cannot_be_read(patchsieve, broken):
    finished = patchsieve("check", broken)
    assert finished.code == 0
    assert "unreadable: 4" in finished.out
    for name, reason in REASONS.items():
        assert f"  {name}: {reason}" in finished.out


@pytest.mark.parametrize("command", ["fit", "predict"])
def test_strict_stops_at_the_broken_file(refused, broken, model_file, tmp_path, out, command):
    for name in REASONS:
        if name != "cut.jpg":
            (broken / name).unlink()
    if command == "fit":
        said = refused("fit", broken, "--strict", "--out", out, small=True)
    else:
        said = refused("predict", model_file, broken, "--strict", "--out", tmp_path / "results")
    assert said == f"error: {broken / 'cut.jpg'}: truncated JPEG"


def test_nothing_readable_at_all_is_an_error(patchsieve, refused, broken, model_file, out):
    for path in broken.glob("part_*"):
        path.unlink()
    said = refused("fit", broken, "--out", out, small=True)
    assert "none of the 4 images could be decoded; the first: bomb.png" in said
    finished = patchsieve("predict", model_file, broken, "--format", "csv")
    assert finished.code == 2
    assert len(finished.out.splitlines()) == 5
    assert "none of the 4 images could be decoded; the first: bomb.png" in finished.err


def test_evaluate_needs_labels(refused, unsorted, model_file):
    said = refused("evaluate", model_file, unsorted)
    assert "has no labelled test images to judge by" in said
    assert "test/good and test/defect" in said


def test_a_folder_and_a_file_without_permission(patchsieve, as_somebody_else, parts, tmp_path, out):
    folder, locked = parts(tmp_path / "parts", 3), parts(tmp_path / "locked", 1)
    # Once as ourselves: somebody else need not be able to import what is installed here.
    assert patchsieve("check", folder).code == 0
    assert patchsieve("fit", tmp_path / "nowhere").code == 2
    (folder / "part_01.png").chmod(0)
    locked.chmod(0)
    tmp_path.chmod(0o777)
    try:
        with as_somebody_else():
            checked = patchsieve("check", folder)
            fit = patchsieve("fit", locked, "--out", out)
    finally:
        locked.chmod(0o755)
    assert checked.code == 0
    assert "unreadable: 1\n  part_01.png: no permission to read it" in checked.out
    assert fit.code == 2
    assert f"no permission to list the folder {locked}: allow reading it" in fit.err.splitlines()[-1]
    assert not out.exists()
