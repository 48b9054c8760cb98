"""VisA: one object's folder, e.g. VisA/candle, split by VisA/split_csv/1cls.csv where that file is there.

Without it Data/Images/{Normal,Anomaly} and Data/Masks/Anomaly say the labels, and there is no split.
Source: Zou et al., SPot-the-difference self-supervised pre-training for anomaly detection, ECCV 2022.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from patchsieve.images.collection import ImageRecord, ImageSet, Skipped, Split
from patchsieve.images.folders import child, find_images, name_below
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.layouts.labels import Masks
from patchsieve.images.layouts.tables import is_there, read_table
from patchsieve.images.order import folded

name = "visa"
expects = "Data/Images/Normal, Data/Images/Anomaly, Data/Masks/Anomaly; the split in ../split_csv/1cls.csv"
COLUMNS = ("object", "split", "label", "image", "mask")
SPLITS: dict[str, Split] = {"train": "train", "test": "test"}
DEFECT = "anomaly"


def recognises(root: Path) -> bool:
    """Say whether there is Data/Images with Normal in it, or a 1cls.csv beside the folder that names it."""
    return _images_folder(root) is not None or bool(_rows(root))


def read(root: Path) -> ImageSet:
    """Read the folder of one object; files that the CSV names and that are missing are named among the skipped."""
    skipped: list[Skipped] = []
    rows = _rows(root)
    records = list(_from_rows(rows, root, skipped) if rows else _from_folders(root, skipped))
    return image_set(root, name, records, skipped)


def _images_folder(root: Path) -> Path | None:
    data = child(root, "Data")
    images = child(data, "Images") if data else None
    return images if images and child(images, "Normal") else None


def _rows(root: Path) -> list[dict[str, str]]:
    """Return the rows of 1cls.csv that belong to the object in `root`."""
    here = root.absolute()
    path = here.parent / "split_csv" / "1cls.csv"
    if not path.is_file():
        return []
    return [row for row in read_table(path, COLUMNS, COLUMNS) if row["object"] == here.name]


def _from_rows(rows: list[dict[str, str]], root: Path, skipped: list[Skipped]) -> Iterator[ImageRecord]:
    seen: set[Path] = set()
    for row in rows:
        image = _inside(row["image"], root)
        if image is not None:
            seen.add(image)
        split, label = SPLITS.get(row["split"]), folded(row["label"])
        if image is None:
            skipped.append(
                Skipped(row["image"], "named in 1cls.csv, but there is no such file of this object")
            )
        elif split is None or label not in ("normal", DEFECT):
            reason = f"1cls.csv gives it the split {row['split']!r} and the label {row['label']!r}"
            skipped.append(Skipped(row["image"], reason))
        else:
            defective = label == DEFECT
            yield ImageRecord(
                name=name_below(image, root),
                path=image,
                split=split,
                defective=defective,
                defect=DEFECT if defective else None,
                mask=_inside(row["mask"], root) if defective else None,
            )
    folder = _images_folder(root)
    for path in find_images(folder).images if folder else ():
        if path not in seen:
            skipped.append(Skipped(name_below(path, root), "1cls.csv does not name it"))


def _inside(named: str, root: Path) -> Path | None:
    """Return the file of the object in `root` that the table names from above, None where there is no such file."""
    above, *below = PurePosixPath(named).parts or ("",)
    path = root.joinpath(*below)
    inside = above == root.absolute().name and ".." not in below
    return path if inside and is_there(path) and not path.is_dir() else None


def _from_folders(root: Path, skipped: list[Skipped]) -> Iterator[ImageRecord]:
    images = _images_folder(root)
    if images is None:
        return
    masks_folder = child(images.parent, "Masks")
    for label, defective in (("Normal", False), ("Anomaly", True)):
        folder = child(images, label)
        if folder is None:
            continue
        found = find_images(folder)
        skipped.extend(Skipped(f"{name_below(folder, root)}/{one.name}", one.reason) for one in found.skipped)
        masks = Masks(child(masks_folder, label) if defective and masks_folder else None)
        for path in found.images:
            yield ImageRecord(
                name=name_below(path, root),
                path=path,
                defective=defective,
                defect=DEFECT if defective else None,
                mask=masks.of(path, folder),
            )
