"""A manifest: a CSV or Parquet file with one row an image, which says where it is and what is known about it.

Columns: image, the file, relative to the manifest or absolute; and as far as known split (train, test), label
(good, 0 or bad, 1, or another word that names folders so), defect (the kind of defect) and mask (a file, or a folder
of files that are joined).
"""

from collections.abc import Iterator
from pathlib import Path

from patchsieve.images.collection import ImageRecord, ImageSet, Skipped, Split
from patchsieve.images.folders import name_below
from patchsieve.images.layouts.contract import image_set
from patchsieve.images.layouts.labels import BAD, GOOD
from patchsieve.images.layouts.splits import VALIDATION
from patchsieve.images.layouts.tables import PARQUET, is_there, read_table
from patchsieve.images.order import folded

name = "manifest"
expects = "a .csv or .parquet file with the column image and, as far as known, split, label, defect and mask"
ENDINGS = (".csv", PARQUET)
COLUMNS = ("image", "split", "label", "defect", "mask")
SPLITS: dict[str, Split | None] = {"train": "train", "test": "test", "": None}
LABELS: dict[str, bool | None] = {
    **dict.fromkeys(GOOD, False),
    **dict.fromkeys(BAD, True),
    "0": False,
    "1": True,
    "": None,
}
DEFECT = "defect"


def recognises(root: Path) -> bool:
    """Say whether it is a file that ends in .csv or .parquet."""
    return root.suffix.lower() in ENDINGS and root.is_file()


def read(root: Path) -> ImageSet:
    """Read the manifest; rows that cannot be used are named among the skipped. The set's root is its folder."""
    skipped: list[Skipped] = []
    records = list(_records(root, skipped))
    return image_set(root.parent, name, records, skipped)


def _records(manifest: Path, skipped: list[Skipped]) -> Iterator[ImageRecord]:
    root = manifest.parent
    seen: set[str] = set()
    for row in read_table(manifest, COLUMNS, required=("image",)):
        path = root / row["image"]
        inside = path.is_relative_to(root) and ".." not in path.parts
        identity = name_below(path, root) if inside else Path(row["image"]).as_posix()
        if identity in seen:
            reason: str | None = f"{manifest.name} names it twice"
        elif not row["image"] or not is_there(path) or path.is_dir():
            reason = f"named in {manifest.name}, but there is no such file"
        else:
            reason = objection(row, manifest.name)
        if reason is not None:
            skipped.append(Skipped(identity, reason))
            continue
        seen.add(identity)
        defective = LABELS[folded(row["label"])]
        mask = root / row["mask"] if defective and row["mask"] else None
        yield ImageRecord(
            name=identity,
            path=path,
            split=SPLITS[folded(row["split"])],
            defective=defective,
            defect=(row["defect"] or DEFECT) if defective else None,
            mask=mask if mask and is_there(mask) else None,
        )


def objection(row: dict[str, str], manifest: str) -> str | None:
    """Return why a row with the columns split and label cannot be used, None where it can."""
    if folded(row["split"]) == "validation":
        return VALIDATION
    if folded(row["split"]) not in SPLITS:
        return f"{manifest} gives it the split {row['split']!r}: write train, test or nothing"
    if folded(row["label"]) not in LABELS:
        return f"{manifest} gives it the label {row['label']!r}: write good, bad or nothing"
    return None
