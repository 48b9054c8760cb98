"""`read_images` takes what people have, and says clearly why it cannot."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from patchsieve.errors import ImagesError
from patchsieve.images import LAYOUTS, decode, read_images


def test_an_image_set_is_returned_as_it_is(mvtec: Path) -> None:
    images = read_images(mvtec)
    assert read_images(images) is images


def test_text_and_path_are_the_same(mvtec: Path) -> None:
    assert read_images(str(mvtec)) == read_images(mvtec)


def test_any_folder(tmp_path: Path, save: object) -> None:
    for name in ("b/2.png", "a.png", "b/10.png"):
        save(tmp_path / name)
    images = read_images(tmp_path)
    assert (images.layout, images.names) == ("folder", ("a.png", "b/2.png", "b/10.png"))
    assert {(one.split, one.defective, one.mask) for one in images} == {(None, None, None)}
    assert len(images.train) == len(images.test) == 3


def test_a_file_whatever_its_ending(tmp_path: Path, save: object) -> None:
    path = save(tmp_path / "a.png").rename(tmp_path / "frame.0001")
    images = read_images(path)
    assert images.names == ("frame.0001",)
    assert decode(images[0]).shape == (6, 8, 3)


def test_a_list_of_files_and_folders_counts_each_image_once(tmp_path: Path, save: object) -> None:
    for name in ("today/1.png", "today/2.png", "old/1.png"):
        save(tmp_path / name)
    images = read_images([tmp_path / "today" / "2.png", tmp_path / "today", str(tmp_path / "old")])
    assert images.root == tmp_path
    assert images.names == ("old/1.png", "today/1.png", "today/2.png")
    assert images.layout == "folder"


def test_relative_and_absolute_paths_mix(
    tmp_path: Path, save: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    monkeypatch.chdir(tmp_path)
    assert read_images(["a.png", tmp_path / "b.png", tmp_path / "a.png"]).names == ("a.png", "b.png")
    assert read_images("a.png").names == ("a.png",)


def test_the_home_folder_may_be_a_tilde(
    tmp_path: Path, save: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_images("~").names == read_images(["~/a.png"]).names == ("a.png",)


def test_joined_data_sets_keep_their_splits(mvtec: Path, save: object) -> None:
    extra = save(mvtec.parent / "extra" / "x.png").parent
    images = read_images([mvtec, extra])
    assert images.layout == "folder+mvtec"
    assert [one.split for one in images] == ["train"] * 12 + ["test"] * 9 + [None]
    assert images[0].name == "bottle/train/good/000.png"
    assert images[-1].name == "extra/x.png"


def test_a_list_of_one_is_that_one(mvtec: Path) -> None:
    assert read_images([mvtec]) == read_images(mvtec)


@pytest.mark.parametrize(
    ("shape", "count", "size"),
    [
        ((4, 5, 6, 3), 4, (5, 6)),
        ((4, 5, 6, 4), 4, (5, 6)),
        ((4, 5, 6, 1), 4, (5, 6)),
        ((4, 5, 6), 4, (5, 6)),
        ((5, 6, 3), 1, (5, 6)),
        ((5, 6), 1, (5, 6)),
    ],
)
def test_arrays(shape: tuple[int, ...], count: int, size: tuple[int, int]) -> None:
    images = read_images(np.zeros(shape, np.uint8))
    assert images.layout == "arrays"
    assert len(images) == count
    assert all(one.pixels is not None and one.pixels.shape == (*size, 3) for one in images)


def test_a_list_of_arrays_and_pillow_images_is_converted_and_copied() -> None:
    buffer = np.full((4, 5, 3), 10, np.uint8)
    items = [buffer, np.full((2, 3), 514, np.uint16), np.full((2, 3), 0.2), Image.new("L", (5, 2), 9)]
    images = read_images(items)
    buffer[:] = 0
    assert images.names == ("array-0", "array-1", "array-2", "array-3")
    assert [int(decode(one)[0, 0, 0]) for one in images] == [10, 2, 51, 9]
    assert [decode(one).shape for one in images] == [(4, 5, 3), (2, 3, 3), (2, 3, 3), (2, 5, 3)]


def test_array_names_sort_as_they_came() -> None:
    names = read_images(np.zeros((12, 4, 4, 3), np.uint8)).names
    assert names == tuple(sorted(names))
    assert len(set(names)) == 12


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (np.zeros((2, 3, 8, 8), np.uint8), "array-0: an array of 3 x 8 x 8 is not an image"),
        (
            [np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 200.0)],
            "array-1: its float values run from 200",
        ),
        (np.zeros((4, 4, 3), complex), "values of type complex128"),
        (np.zeros(4), "not a set of images"),
        (np.zeros((0, 4, 4, 3), np.uint8), "the array has none"),
        (np.zeros((0, 4), np.uint8), "it has no pixels"),
        ([], "the list is empty"),
        (["a.png", np.zeros((4, 4, 3), np.uint8)], "only paths, or only arrays"),
        (7, "int is not a source of images"),
    ],
)
def test_what_is_no_source(source: object, reason: str) -> None:
    with pytest.raises(ImagesError, match=reason):
        read_images(source)


def test_missing_path_and_unknown_layout(tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=r"cannot read .*nowhere: no such file"):
        read_images(tmp_path / "nowhere")
    with pytest.raises(
        ImagesError, match=r"unknown layout 'mvtek': choose one of auto, manifest, visa, .*mvtec.*arrays"
    ):
        read_images(tmp_path, layout="mvtek")


def test_an_empty_folder_says_what_was_looked_for_and_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(
        ImagesError, match=r"no images in .*ending in bmp, gif, .*; it holds no other files either"
    ):
        read_images(tmp_path)
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / name).touch()
    with pytest.raises(ImagesError, match=r"3 other files are there \(2 \.csv, 1 \.txt\)"):
        read_images(tmp_path)
    (tmp_path / "x.heic").touch()
    with pytest.raises(ImagesError, match=r"left out: x\.heic \(\.heic files are not read"):
        read_images(tmp_path)


def test_a_root_of_data_sets_lists_them(mvtec: Path, save: object) -> None:
    for name in ("cable/train/good/0.png", "ring/good/0.png", "ring/bad/0.png", "notes/a.png"):
        save(mvtec.parent / name)
    with pytest.raises(
        ImagesError, match=r"holds 3 data sets, not one \(bottle, cable, ring\): name one, e.g. .*bottle"
    ):
        read_images(mvtec.parent)
    assert len(read_images(mvtec.parent, layout="folder")) == 21 + 6 + 4


def test_train_and_test_are_never_mixed_unasked(tmp_path: Path, save: object) -> None:
    save(tmp_path / "train" / "type 7" / "a.png")
    save(tmp_path / "test" / "type 7" / "a.png")
    with pytest.raises(ImagesError, match=r"train/ and test/, but .*mvtec: train/good.*give layout 'folder'"):
        read_images(tmp_path)
    assert len(read_images(tmp_path, layout="folder")) == 2


@pytest.mark.parametrize("name", [layout.name for layout in LAYOUTS if layout.name != "folder"])
def test_a_forced_layout_that_does_not_fit_says_what_it_expects(
    tmp_path: Path, save: object, name: str
) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(ImagesError, match=f"is not laid out as {name}, which is "):
        read_images(tmp_path, layout=name)


def test_a_forced_layout_wins_over_the_recognised_one(mvtec: Path) -> None:
    assert {one.split for one in read_images(mvtec, layout="folder")} == {None}


def test_arrays_and_folders_do_not_trade_layouts(mvtec: Path) -> None:
    with pytest.raises(ImagesError, match="is for arrays"):
        read_images(mvtec, layout="arrays")
    with pytest.raises(ImagesError, match="is for folders"):
        read_images(np.zeros((4, 4, 3), np.uint8), layout="mvtec")


def test_a_folder_without_permission_is_one_clear_sentence(mvtec: Path, forbidden: object) -> None:
    with (
        forbidden(mvtec / "train"),
        pytest.raises(ImagesError, match=r"no permission to list the folder .*train"),
    ):
        read_images(mvtec)


def test_layout_but_no_image_in_it(tmp_path: Path) -> None:
    (tmp_path / "train" / "good").mkdir(parents=True)
    with pytest.raises(ImagesError, match="no images in"):
        read_images(tmp_path)
