"""The shape that MVTec AD, BTAD and the course project share: train/, test/ and ground_truth/ with class folders."""

from pathlib import Path

from patchsieve.images.collection import ImageRecord, ImageSet, Skipped, Split
from patchsieve.images.folders import child, find_images, subfolders
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.layouts.labels import read_class, read_unsorted
from patchsieve.images.order import folded

SPLITS: tuple[Split, ...] = ("train", "test")


def read_splits(root: Path, layout: str) -> ImageSet:
    """Read train/ and test/: a class folder labels its images, images outside of one are unlabelled.

    Defective test images get their mask from ground_truth/. Other folders and images beside the splits are
    named among the skipped: they are part of a data set but of neither split.
    """
    records: list[ImageRecord] = []
    skipped = _strays(root)
    for split in SPLITS:
        folder = child(root, split)
        if folder is None:
            continue
        truth = child(root, "ground_truth") if split == "test" else None
        records.extend(read_unsorted(folder, root, split, skipped, recursive=False))
        for below in subfolders(folder):
            records.extend(read_class(below, root, split, skipped, truth=truth))
    return image_set(root, layout, records, skipped)


def has_images(folder: Path) -> bool:
    """Say whether images lie directly in the folder."""
    return bool(find_images(folder, recursive=False).images)


def _strays(root: Path) -> list[Skipped]:
    known = {*SPLITS, "ground_truth"}
    below = [
        Skipped(f"{path.name}/", "a folder outside train and test")
        for path in subfolders(root)
        if folded(path.name) not in known and find_images(path).images
    ]
    beside = find_images(root, recursive=False).images
    return below + [Skipped(path.name, "an image outside train and test") for path in beside]
