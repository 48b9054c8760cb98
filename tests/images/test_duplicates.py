"""Byte-identical images count once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from patchsieve.images import content_hashes, distinct, read_images

Save = Callable[..., Path]


def test_only_the_first_of_each_group_of_copies_stays(tmp_path: Path, save: Save) -> None:
    for name in "acd":
        save(tmp_path / f"{name}.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "z.png")
    shutil.copy(tmp_path / "c.png", tmp_path / "sub-c.png")
    kept = distinct(read_images(tmp_path))
    assert kept.names == ("a.png", "c.png", "d.png")
    assert {skip.name: skip.reason for skip in kept.skipped} == {
        "b.png": "exact copy of a.png",
        "sub-c.png": "exact copy of c.png",
        "z.png": "exact copy of a.png",
    }


def test_a_set_without_copies_is_left_as_it_is(tmp_path: Path, save: Save) -> None:
    for name in "abc":
        save(tmp_path / f"{name}.png")
    images = read_images(tmp_path)
    assert distinct(images) == images


def test_hashes_that_are_known_are_not_taken_again(tmp_path: Path, save: Save) -> None:
    for name in "abc":
        save(tmp_path / f"{name}.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "d.png")
    images = read_images(tmp_path)
    (tmp_path / "b.png").unlink()
    hashes = content_hashes(images)
    assert [known is None for known in hashes] == [False, True, False, False]
    expected = distinct(images)
    for name in "acd":
        (tmp_path / f"{name}.png").unlink()
    assert distinct(images, hashes) == expected
    # Which of them are broken is for decoding to say.
    assert expected.names == ("a.png", "b.png", "c.png")


def test_what_was_skipped_before_is_not_forgotten(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    once = distinct(read_images(tmp_path))
    assert distinct(once) == once
    assert [skip.name for skip in once.skipped] == ["b.png"]


def test_a_file_that_cannot_be_read_stays_for_decoding_to_name(tmp_path: Path, save: Save) -> None:
    for name in "abc":
        save(tmp_path / f"{name}.png")
    images = read_images(tmp_path)
    (tmp_path / "b.png").unlink()
    assert distinct(images).names == ("a.png", "b.png", "c.png")


def test_arrays_are_compared_by_their_pixels() -> None:
    first, second = np.zeros((4, 6, 3), dtype=np.uint8), np.zeros((6, 4, 3), dtype=np.uint8)
    kept = distinct(read_images([first, second, first.copy(), first + 1]))
    assert kept.names == ("array-0", "array-1", "array-3")
    assert kept.skipped[0].reason == "exact copy of array-0"
