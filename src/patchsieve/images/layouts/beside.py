"""Images whose masks lie beside them and say whether they are good: the shape that Kolektor's two sets share."""

from collections.abc import Iterator
from pathlib import Path

from patchsieve.errors import BrokenImageError
from patchsieve.images.collection import ImageRecord, Skipped, Split
from patchsieve.images.decoding import decode_mask
from patchsieve.images.folders import find_images, name_below
from patchsieve.images.order import folded

DEFECT = "defect"


def has_masks(folder: Path, ending: str) -> bool:
    """Say whether a file directly in the folder is called as a mask is."""
    return any(_image_stem(path, ending) is not None for path in find_images(folder, recursive=False).images)


def read_beside(
    folder: Path, root: Path, split: Split | None, ending: str, skipped: list[Skipped]
) -> Iterator[ImageRecord]:
    """Yield the images of a folder; an image is defective if its mask, which is decoded for this, is not empty.

    An image whose mask is missing or broken has no label and is left out: it may be a stray copy of a mask.

    Args:
        folder: images, each with a mask `<stem><ending>.*`, the ending in any case.
        root: what the records' names are relative to.
        split: the records' split.
        ending: in lower case, e.g. "_label".
        skipped: receives what was left out, and masks without image.
    """
    found = find_images(folder)
    prefix = name_below(folder, root)
    skipped.extend(Skipped(f"{prefix}/{one.name}", one.reason) for one in found.skipped)
    masks = {
        (path.parent, stem): path for path in found.images if (stem := _image_stem(path, ending)) is not None
    }
    for path in found.images:
        if _image_stem(path, ending) is not None:
            continue
        mask = masks.pop((path.parent, folded(path.stem)), None)
        if mask is None:
            reason = f"no mask {path.stem}{ending} beside it says whether it is good"
            skipped.append(Skipped(name_below(path, root), reason))
            continue
        try:
            defective = bool(decode_mask(mask).any())
        except BrokenImageError as error:
            reason = f"its mask, which would say whether it is good, cannot be read: {error.reason}"
            skipped.append(Skipped(name_below(path, root), reason))
            continue
        yield ImageRecord(
            name=name_below(path, root),
            path=path,
            split=split,
            defective=defective,
            defect=DEFECT if defective else None,
            mask=mask if defective else None,
        )
    skipped.extend(Skipped(name_below(mask, root), "a mask without its image") for mask in masks.values())


def _image_stem(path: Path, ending: str) -> str | None:
    """Return the folded stem of the image whose mask this is; None for what is no mask."""
    stem = folded(path.stem)
    return stem.removesuffix(ending) if stem.endswith(ending) else None
