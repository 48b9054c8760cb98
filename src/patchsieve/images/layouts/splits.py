"""The shape that MVTec's sets, BTAD and the course project share: train/, test/, ground_truth/ with class folders."""

from collections.abc import Mapping
from pathlib import Path

from patchsieve.images.collection import ImageRecord, ImageSet, Skipped, Split
from patchsieve.images.folders import child, find_images, subfolders
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.layouts.labels import read_class, read_unsorted
from patchsieve.images.order import folded

SPLITS: Mapping[str, Split] = {"train": "train", "test": "test"}
TRUTH = "ground_truth"
VALIDATION = "good images for choosing thresholds; neither learnt from nor judged by"


def read_splits(root: Path, layout: str, splits: Mapping[str, Split] = SPLITS) -> ImageSet:
    """Read the folders of the splits: a class folder labels its images, images outside of one are unlabelled.

    Defective test images get their mask from ground_truth/, beside the splits or in the test folder. Other
    folders and images beside the splits are named among the skipped: they are part of a data set but of no split.

    Args:
        root: the folder of one data set.
        layout: the layout's name.
        splits: split by name of its folder.

    Raises:
        ImagesError: there is no image in them.
    """
    records: list[ImageRecord] = []
    skipped = _strays(root, splits)
    for name, split in splits.items():
        folder = child(root, name)
        if folder is None:
            continue
        truth = (child(root, TRUTH) or child(folder, TRUTH)) if split == "test" else None
        records.extend(read_unsorted(folder, root, split, skipped, recursive=False))
        for below in subfolders(folder):
            if folded(below.name) != TRUTH:
                records.extend(read_class(below, root, split, skipped, truth=truth))
    return image_set(root, layout, records, skipped)


def has_images(folder: Path) -> bool:
    """Say whether images lie directly in the folder."""
    return bool(find_images(folder, recursive=False).images)


def _strays(root: Path, splits: Mapping[str, Split]) -> list[Skipped]:
    known = {*splits, TRUTH}
    below = [
        Skipped(
            f"{path.name}/",
            VALIDATION if folded(path.name) == "validation" else f"a folder outside {_named(splits)}",
        )
        for path in subfolders(root)
        if folded(path.name) not in known and find_images(path).images
    ]
    beside = find_images(root, recursive=False).images
    return below + [Skipped(path.name, f"an image outside {_named(splits)}") for path in beside]


def _named(splits: Mapping[str, Split]) -> str:
    *first, last = splits
    return f"{', '.join(first)} and {last}"
