"""BTAD: train/ok, test/ok, test/ko, ground_truth/ko/<stem>.png; images are .bmp or .png.

Source: Mishra et al., VT-ADL, ISIE 2021 (beanTech anomaly detection).
"""

from pathlib import Path

from patchsieve.images.collection import ImageSet
from patchsieve.images.folders import child
from patchsieve.images.layouts.splits import read_splits

name = "btad"
expects = "train/ok, test/ok, test/ko, ground_truth/ko"


def recognises(root: Path) -> bool:
    """Say whether there is train/ok."""
    train = child(root, "train")
    return train is not None and child(train, "ok") is not None


def read(root: Path) -> ImageSet:
    """Read the folder of one product."""
    return read_splits(root, name)
