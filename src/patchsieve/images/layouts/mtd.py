"""Magnetic tile defects as published: MT_Free/Imgs, MT_Blowhole/Imgs, ..., in each .jpg images and .png masks.

Source: Huang, Qiu, Yuan, Surface defect saliency of magnetic tiles, The Visual Computer 2018. There is no split.
"""

from collections.abc import Iterator
from pathlib import Path

from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.folders import child, find_images, name_below, subfolders
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.order import folded

name = "mtd"
expects = "MT_Free/Imgs and MT_<Defect>/Imgs with .jpg images and .png masks of the same stem"
PREFIX = "mt_"
MASK_SUFFIX = ".png"


def recognises(root: Path) -> bool:
    """Say whether there is a folder MT_<something> with Imgs in it."""
    return any(_images_folder(below) for below in subfolders(root))


def read(root: Path) -> ImageSet:
    """Read the folder that holds the MT_ folders."""
    records: list[ImageRecord] = []
    skipped: list[Skipped] = []
    for below in subfolders(root):
        if _images_folder(below) is not None:
            records.extend(_read_class(below, root, skipped))
        elif find_images(below).images:
            skipped.append(Skipped(f"{below.name}/", "a folder that is not MT_<Defect> with Imgs in it"))
    return image_set(root, name, records, skipped)


def _images_folder(folder: Path) -> Path | None:
    return child(folder, "imgs") if folded(folder.name).startswith(PREFIX) else None


def _read_class(folder: Path, root: Path, skipped: list[Skipped]) -> Iterator[ImageRecord]:
    imgs = _images_folder(folder)
    if imgs is None:
        return
    found = find_images(imgs)
    masks = {path.with_suffix(""): path for path in found.images if path.suffix.lower() == MASK_SUFFIX}
    images = [path for path in found.images if path.suffix.lower() != MASK_SUFFIX]
    without_image = masks.keys() - {path.with_suffix("") for path in images}
    skipped.extend(
        Skipped(name_below(masks[stem], root), "a mask without its image") for stem in without_image
    )
    skipped.extend(Skipped(f"{name_below(imgs, root)}/{one.name}", one.reason) for one in found.skipped)
    defect = folded(folder.name).removeprefix(PREFIX)
    for path in images:
        if defect == "free":
            yield ImageRecord(name_below(path, root), path, defective=False)
        else:
            mask = masks.get(path.with_suffix(""))
            yield ImageRecord(name_below(path, root), path, defective=True, defect=defect, mask=mask)
