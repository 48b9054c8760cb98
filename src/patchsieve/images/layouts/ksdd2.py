"""KolektorSDD2: train/10000.png with its mask train/10000_GT.png, the same in test/; an empty mask is a good image.

The published training images hold defects, 246 of 2331: they are labelled so. The archive's stray copies of an
image and of its mask, "10301 (copy).png" and "10301_GT (copy).png", have no masks beside them and are left out.
Source: Bozic, Tabernik, Skocaj, Mixed supervision for surface-defect detection, Computers in Industry 2021.
"""

from pathlib import Path

from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.folders import child
from patchsieve.images.layouts.beside import has_masks, read_beside
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.layouts.splits import SPLITS

name = "ksdd2"
expects = "train/10000.png, train/10000_GT.png, ..., the same in test/"
ENDING = "_gt"


def recognises(root: Path) -> bool:
    """Say whether there is a mask directly in train/."""
    train = child(root, "train")
    return train is not None and has_masks(train, ENDING)


def read(root: Path) -> ImageSet:
    """Read train/ and test/; every mask is decoded, for it says whether its image is good."""
    records: list[ImageRecord] = []
    skipped: list[Skipped] = []
    for folder_name, split in SPLITS.items():
        folder = child(root, folder_name)
        if folder is not None:
            records.extend(read_beside(folder, root, split, ENDING, skipped))
    return image_set(root, name, records, skipped)
