"""Each published layout as it is published, and broken in the ways in which copies of data sets are."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from published_trees import SIZE, TREES, Tree, write

from patchsieve.errors import BrokenImageError
from patchsieve.images import ImageRecord, ImageSet, decode_mask, inspect_images, read_images
from patchsieve.images.folders import SUFFIXES

Facts = dict[str, tuple[object, ...]]

every_tree = pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
every_masked_tree = pytest.mark.parametrize(
    "tree",
    [tree for tree in TREES.values() if tree.marked],
    ids=[name for name in TREES if TREES[name].marked],
)


def facts(images: ImageSet) -> Facts:
    return {
        one.name: (
            one.split,
            one.defective,
            one.defect,
            one.mask and one.mask.relative_to(images.root).as_posix(),
        )
        for one in images
    }


def expected(tree: Tree, translate: Callable[[str], str] = str) -> Facts:
    return {translate(name): (*fact[:3], fact[3] and translate(fact[3])) for name, fact in tree.facts.items()}


def images_in(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES]


def folders_in(root: Path) -> list[Path]:
    return [root, *(path for path in root.rglob("*") if path.is_dir())]


def marked(tree: Tree, images: ImageSet) -> ImageRecord:
    return next(one for one in images if one.name == tree.marked)


def mask_files(mask: Path) -> list[Path]:
    return sorted(mask.iterdir()) if mask.is_dir() else [mask]


@every_tree
def test_as_published(tree: Tree, tmp_path: Path) -> None:
    images = read_images(write(tmp_path, tree.files) / tree.source)
    assert images.layout == tree.layout
    assert facts(images) == expected(tree)
    assert {one.name for one in images.skipped} <= {"validation/"}
    report = inspect_images(images)
    assert (report.unreadable, report.wrong_masks, report.missing_masks) == ((), (), ())
    assert all(decode_mask(one).sum() == 1 for one in images if one.mask)


@every_tree
def test_the_layout_can_be_named(tree: Tree, tmp_path: Path) -> None:
    source = write(tmp_path, tree.files) / tree.source
    assert read_images(source, tree.layout) == read_images(source)


@every_tree
@pytest.mark.parametrize("name", ["Größe 1 ß", "部品 #7 (copy)", "with 100 % & 'quotes'"])
def test_spaces_and_other_alphabets(tree: Tree, name: str, tmp_path: Path) -> None:
    def renamed(text: str) -> str:
        return text.replace(tree.token, f"{name}{tree.token}")

    images = read_images(write(tmp_path / "Prüf linie 7", tree.files, renamed) / tree.source)
    assert facts(images) == expected(tree, renamed)


@every_tree
def test_upper_case_endings(tree: Tree, tmp_path: Path) -> None:
    def shouted(text: str) -> str:
        for suffix in (".png", ".jpg", ".bmp"):
            text = text.replace(suffix, suffix.upper())
        return text

    images = read_images(write(tmp_path, tree.files, shouted) / tree.source)
    assert (images.layout, facts(images)) == (tree.layout, expected(tree, shouted))


@every_tree
def test_litter_of_operating_systems(tree: Tree, tmp_path: Path) -> None:
    write(tmp_path, tree.files)
    intact = read_images(tmp_path / tree.source)
    for folder in folders_in(tmp_path):
        for name in (".DS_Store", "._001.png", "Thumbs.db", "desktop.ini"):
            (folder / name).write_bytes(b"\0\0\0\1Bud1")
        shutil.copytree(folder, folder / "__MACOSX", ignore=shutil.ignore_patterns("__MACOSX"))
    assert read_images(tmp_path / tree.source) == intact


@every_tree
def test_an_empty_class_folder_changes_nothing(tree: Tree, tmp_path: Path) -> None:
    write(tmp_path, tree.files)
    intact = read_images(tmp_path / tree.source)
    for folder in folders_in(tmp_path):
        (folder / "nothing in it").mkdir()
    if tree.layout == "course":
        # Where test/ has folders, its images are no longer unsorted.
        (tmp_path / "test" / "nothing in it").rmdir()
    assert read_images(tmp_path / tree.source) == intact


@every_tree
def test_links_to_files_and_folders(tree: Tree, tmp_path: Path) -> None:
    real = write(tmp_path / "real", tree.files)
    expected_facts = facts(read_images(real / tree.source))
    linked = tmp_path / "linked"
    for path in real.rglob("*"):
        link = linked / path.relative_to(real)
        link.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            link.symlink_to(path)
    assert facts(read_images(linked / tree.source)) == expected_facts
    folders = tmp_path / "folders"
    folders.mkdir()
    for path in real.iterdir():
        (folders / path.name).symlink_to(path)
    assert facts(read_images(folders / tree.source)) == expected_facts


@every_tree
def test_links_that_lead_nowhere_or_in_circles(tree: Tree, tmp_path: Path) -> None:
    write(tmp_path, tree.files)
    intact = read_images(tmp_path / tree.source)
    for folder in folders_in(tmp_path):
        (folder / "gone.png").symlink_to(tmp_path / "not there.png")
        (folder / "itself.png").symlink_to(folder / "itself.png")
        (folder / "up").symlink_to(folder.parent)
        (folder / "here").symlink_to(folder)
        (folder / "nowhere").symlink_to(tmp_path / "no folder")
    images = read_images(tmp_path / tree.source)
    assert images.records == intact.records
    assert all("not there" in one.reason for one in set(images.skipped) - set(intact.skipped))


@every_masked_tree
def test_a_missing_mask(tree: Tree, tmp_path: Path) -> None:
    source = write(tmp_path, tree.files) / tree.source
    mask = marked(tree, read_images(source)).mask
    assert mask is not None
    for path in mask_files(mask):
        path.unlink()
    images = read_images(source)
    if tree.layout.startswith("ksdd"):
        # Only the mask says whether the image is good.
        assert tree.marked not in images.names
        assert [one.name for one in images.skipped] == [tree.marked]
    else:
        assert marked(tree, images).mask is None
        # Where no image has a mask, none is missed.
        others = any(one.mask for one in images)
        assert inspect_images(images).missing_masks == ((tree.marked,) if others else ())


@every_masked_tree
def test_a_mask_of_another_size(tree: Tree, tmp_path: Path) -> None:
    source = write(tmp_path, tree.files) / tree.source
    mask = marked(tree, read_images(source)).mask
    assert mask is not None
    for path in mask_files(mask):
        Image.new("L", (4, 4), 255).save(path)
    images = read_images(source)
    assert facts(images) == expected(tree)
    with pytest.raises(BrokenImageError, match=rf"4 x 4 pixels, its image {SIZE[0]} x {SIZE[1]}"):
        decode_mask(marked(tree, images))
    assert [one.name for one in inspect_images(images).wrong_masks] == [tree.marked]


@every_masked_tree
def test_a_mask_that_is_cut_short(tree: Tree, tmp_path: Path) -> None:
    source = write(tmp_path, tree.files) / tree.source
    mask = marked(tree, read_images(source)).mask
    assert mask is not None
    mask_files(mask)[0].write_bytes(b"\x89PNG\r\n\x1a\n")
    images = read_images(source)
    if tree.layout.startswith("ksdd"):
        assert [one.name for one in images.skipped] == [tree.marked]
    else:
        assert [one.name for one in inspect_images(images).wrong_masks] == [tree.marked]


@every_tree
def test_check_says_what_it_is_and_what_is_wrong_with_it(tree: Tree, tmp_path: Path, patchsieve) -> None:
    source = write(tmp_path, tree.files) / tree.source
    for path in images_in(tmp_path)[:1]:
        path.with_name("cut short.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    finished = patchsieve("check", source)
    assert finished.code == 0
    assert f"layout {tree.layout}" in finished.out
