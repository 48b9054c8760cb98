"""MVTec AD: train/good, test/good, test/<defect>, ground_truth/<defect>/<stem>_mask.png (or <stem>.png).

The training images may also lie in train/ unsorted, with no good/ folder: they are then unlabelled.
Source: Bergmann et al., MVTec AD, CVPR 2019.
"""

from pathlib import Path

from patchsieve.images.collection import ImageSet
from patchsieve.images.folders import child, subfolders
from patchsieve.images.layouts.splits import has_images, read_splits

name = "mvtec"
expects = "train/good (or images in train/), test/good, test/<defect>, ground_truth/<defect>"


def recognises(root: Path) -> bool:
    """Say whether there is train/good, or images in train/ beside a test/ with class folders."""
    train, test = child(root, "train"), child(root, "test")
    if train is None:
        return False
    if child(train, "good") is not None:
        return True
    return test is not None and bool(subfolders(test)) and has_images(train)


def read(root: Path) -> ImageSet:
    """Read the folder of one category."""
    return read_splits(root, name)
