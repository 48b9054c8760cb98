"""MVTec AD 2: train/good, test_public/{good,bad} with its own ground_truth, two private test parts without labels.

validation/good is in no split: those images are good and meant for choosing thresholds, which here come from the
training images' out-of-sample scores. The images of test_private and test_private_mixed are test images that
nobody has labelled: they are scored, never judged by.
Source: Heckler-Kram et al., The MVTec AD 2 dataset, 2025 (arXiv 2503.21622).
"""

from pathlib import Path

from patchsieve.images.collection import ImageSet
from patchsieve.images.folders import child
from patchsieve.images.layouts.splits import read_splits

name = "mvtec_ad2"
expects = "train/good, test_public/good, test_public/bad, test_public/ground_truth/bad, test_private"


def recognises(root: Path) -> bool:
    """Say whether there are train/ and test_public/."""
    return child(root, "train") is not None and child(root, "test_public") is not None


def read(root: Path) -> ImageSet:
    """Read the folder of one category."""
    return read_splits(
        root,
        name,
        {"train": "train", "test_public": "test", "test_private": "test", "test_private_mixed": "test"},
    )
