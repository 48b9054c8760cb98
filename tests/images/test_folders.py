"""What counts as an image of a folder, in which order, and that links never count twice or hang."""

import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.errors import ImagesError
from patchsieve.images.folders import child, find_images, name_below, subfolders
from patchsieve.images.order import natural_key


def names(folder: Path, **options: bool) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images(folder, **options).images]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_natural_order_at_every_depth(tmp_path: Path) -> None:
    expected = ["cam 2/img9.png", "cam 2/img10.png", "cam 10/img1.png", "IMG2.png", "img10.png", "z.png"]
    touch(*(tmp_path / name for name in reversed(expected)))
    assert names(tmp_path) == expected
    assert names(tmp_path, recursive=False) == expected[3:]


@given(st.lists(st.text("aA0129/.", max_size=6), unique=True), st.randoms(use_true_random=False))
def test_the_order_is_total_and_does_not_depend_on_the_start(texts: list[str], random: Random) -> None:
    shuffled = random.sample(texts, len(texts))
    assert sorted(texts, key=natural_key) == sorted(shuffled, key=natural_key)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_sort_by_value(first: int, second: int) -> None:
    keys = natural_key(f"a{first}.png"), natural_key(f"A{second}.png")
    if first != second:
        assert (keys[0] < keys[1]) == (first < second)


def test_endings_in_any_case_count_once_and_odd_names_are_kept(tmp_path: Path) -> None:
    expected = {"A.PNG", "b.Jpg", "c d.TIFF", "Prüfling №7.jpeg", "相機.bmp", "e.webp"}
    touch(*(tmp_path / name for name in expected))
    found = names(tmp_path)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_litter_and_hidden_files_are_passed_over_in_silence(tmp_path: Path) -> None:
    litter = (
        ".DS_Store",
        "Thumbs.db",
        "._a.png",
        ".hidden/b.png",
        "__MACOSX/c.png",
        "desktop.ini",
        "sub/._x.jpg",
    )
    touch(*(tmp_path / name for name in litter), tmp_path / "a.png")
    found = find_images(tmp_path)
    assert [path.name for path in found.images] == ["a.png"]
    assert not found.skipped
    assert not found.others


def test_other_files_are_counted_and_image_formats_that_are_not_read_are_named(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.txt", "b.TXT", "LICENSE", "c.heic", "d.CR2")))
    found = find_images(tmp_path)
    assert found.others == {".txt": 2, "no ending": 1}
    assert [(one.name, one.reason.split()[0]) for one in found.skipped] == [
        ("c.heic", ".heic"),
        ("d.CR2", ".cr2"),
    ]


def test_links_are_followed_and_count_once(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    folder = tmp_path / "folder"
    touch(outside / "far.png", folder / "real.png", folder / "sub" / "deep.png")
    (folder / "a-link.png").symlink_to(folder / "real.png")
    (folder / "a-folder").symlink_to(folder / "sub")
    (folder / "far").symlink_to(outside)
    found = find_images(folder)
    assert names(folder) == ["far/far.png", "real.png", "sub/deep.png"]
    assert [(one.name, one.reason) for one in found.skipped] == [
        ("a-link.png", "a link to a file that is counted already")
    ]


def test_cycles_and_dangling_links_come_to_an_end(tmp_path: Path) -> None:
    touch(tmp_path / "sub" / "a.png")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    found = find_images(tmp_path)
    assert names(tmp_path) == ["sub/a.png"]
    assert {one.name: one.reason for one in found.skipped} == {
        "self.png": "a link to a file that is not there",
        "gone.png": "a link to a file that is not there",
    }


def test_pipes_are_not_images(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    found = find_images(tmp_path)
    assert not found.images
    assert ["pipe" in one.reason for one in found.skipped] == [True, True]


def test_a_folder_without_permission(tmp_path: Path, forbidden: object) -> None:
    touch(tmp_path / "a.png", tmp_path / "sub" / "b.png")
    with forbidden(tmp_path / "sub"), pytest.raises(ImagesError, match=r"no permission to list .*sub: allow"):
        find_images(tmp_path)
    assert names(tmp_path) == ["a.png", "sub/b.png"]


def test_a_child_is_found_in_any_case_and_form_of_accents(tmp_path: Path) -> None:
    (tmp_path / "Train").mkdir()
    (tmp_path / "pru\u0308fung").mkdir()
    (tmp_path / "test").touch()
    assert child(tmp_path, "train") == tmp_path / "Train"
    assert child(tmp_path, "PR\u00dcFUNG") == tmp_path / "pru\u0308fung"
    assert child(tmp_path, "test") is None


def test_a_name_can_always_be_written_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    assert name_below(path, tmp_path) == "caf\\xe9.png"
    assert name_below(tmp_path / "sub" / "café.png", tmp_path) == "sub/café.png"


def test_a_link_to_a_folder_that_holds_it_is_not_followed(tmp_path: Path) -> None:
    for name in ("good/1.png", "bad/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "good" / "up").symlink_to(tmp_path)
    (tmp_path / "all").symlink_to(tmp_path)
    (tmp_path / "beside").symlink_to(tmp_path / "bad")
    assert find_images(tmp_path / "good").images == [tmp_path / "good" / "1.png"]
    assert [path.name for path in subfolders(tmp_path)] == ["bad", "beside", "good"]
