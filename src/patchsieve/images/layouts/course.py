"""The course layout: train/good and train/bad, both labelled, and test/ with unlabelled images."""

from pathlib import Path

from patchsieve.images.collection import ImageSet
from patchsieve.images.folders import child, subfolders
from patchsieve.images.layouts.labels import is_bad, is_good
from patchsieve.images.layouts.splits import has_images, read_splits

name = "course"
expects = "train/good and train/bad, test/ with images that nobody has labelled"


def recognises(root: Path) -> bool:
    """Say whether test/ is missing or unsorted and train/ is unsorted or has good and bad."""
    train, test = child(root, "train"), child(root, "test")
    if train is None or (test is not None and not (has_images(test) and not subfolders(test))):
        return False
    classes = subfolders(train)
    if any(is_good(below) for below in classes):
        return test is not None or any(is_bad(below) for below in classes)
    return test is not None and has_images(train)


def read(root: Path) -> ImageSet:
    """Read the folder."""
    return read_splits(root, name)
