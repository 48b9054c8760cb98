"""Sorted but not split: good/ and bad/, or ok/ and ng/, and other pairs of such words; masks in ground_truth/bad."""

from pathlib import Path

from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.folders import child, find_images, subfolders
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.layouts.labels import is_bad, is_good, read_class
from patchsieve.images.order import folded

name = "good_bad"
expects = "good/ (ok, normal, pass) and bad/ (defect, ng, nok, ko, fail, reject, anomaly)"


def recognises(root: Path) -> bool:
    """Say whether there is a folder of either kind."""
    below = subfolders(root)
    return any(map(is_good, below)) and any(map(is_bad, below))


def read(root: Path) -> ImageSet:
    """Read the folder; folders and images that are neither good nor bad are named among the skipped."""
    records: list[ImageRecord] = []
    skipped = [
        Skipped(path.name, "an image outside the good and bad folders")
        for path in find_images(root, recursive=False).images
    ]
    truth = child(root, "ground_truth")
    for below in subfolders(root):
        if is_good(below) or is_bad(below):
            records.extend(read_class(below, root, None, skipped, truth=truth))
        elif folded(below.name) != "ground_truth" and find_images(below).images:
            skipped.append(Skipped(f"{below.name}/", "a folder that is named neither good nor bad"))
    return image_set(root, name, records, skipped)
