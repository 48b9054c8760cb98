"""Any folder: all images in it and below, unlabelled and in no split."""

from pathlib import Path

from patchsieve.images.collection import ImageSet, Skipped
from patchsieve.images.folders import child
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.layouts.labels import read_unsorted

name = "folder"
expects = "images, in folders of any shape"


def recognises(root: Path) -> bool:
    """Say yes, unless there are train/ and test/: to mix those unnoticed would spoil every figure."""
    return child(root, "train") is None or child(root, "test") is None


def read(root: Path) -> ImageSet:
    """Read all images below the folder."""
    skipped: list[Skipped] = []
    records = list(read_unsorted(root, root, None, skipped))
    return image_set(root, name, records, skipped)
