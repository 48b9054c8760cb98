"""KolektorSDD: kos01/Part0.jpg with its mask Part0_label.bmp, and so on to kos50; a mask that is not empty is a defect.

There is no split: the paper cross-validates over the 50 items.
Source: Tabernik et al., Segmentation-based deep-learning approach for surface-defect detection, JIM 2020.
"""

from pathlib import Path

from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.folders import find_images, subfolders
from patchsieve.images.layouts.beside import has_masks, read_beside
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.order import folded

name = "ksdd"
expects = "kos01/Part0.jpg, kos01/Part0_label.bmp, ..."
PREFIX = "kos"
ENDING = "_label"


def recognises(root: Path) -> bool:
    """Say whether there is a folder kos<something> with a mask in it."""
    return any(_is_item(below) and has_masks(below, ENDING) for below in subfolders(root))


def read(root: Path) -> ImageSet:
    """Read the folder that holds the items; every mask is decoded, for it says whether its image is good."""
    records: list[ImageRecord] = []
    skipped: list[Skipped] = []
    for below in subfolders(root):
        if _is_item(below):
            records.extend(read_beside(below, root, None, ENDING, skipped))
        elif find_images(below).images:
            skipped.append(
                Skipped(f"{below.name}/", "a folder that is not named as an item, kos01, kos02, ...")
            )
    return image_set(root, name, records, skipped)


def _is_item(folder: Path) -> bool:
    return folded(folder.name).startswith(PREFIX)
