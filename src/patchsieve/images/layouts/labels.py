"""Folder names that say whether the images in them are good, and the masks that stand beside them."""

from collections.abc import Iterator
from pathlib import Path

from patchsieve.images.collection import ImageRecord, Skipped, Split
from patchsieve.images.folders import child, find_images, name_below
from patchsieve.images.order import folded

GOOD = frozenset(("good", "ok", "normal", "pass", "passed"))
BAD = frozenset(
    (
        "bad",
        "defect",
        "defects",
        "defective",
        "fail",
        "failed",
        "ko",
        "ng",
        "nok",
        "not_ok",
        "reject",
        "rejects",
    )
) | {"abnormal", "anomalous", "anomaly"}


def is_good(folder: Path) -> bool:
    """Say whether the folder's name means good, in any case."""
    return folded(folder.name) in GOOD


def is_bad(folder: Path) -> bool:
    """Say whether the folder's name means defective without naming a kind of defect."""
    return folded(folder.name) in BAD


class Masks:
    """The masks of one class, found by the stem of their image: `<stem>_mask.*`, `<stem>.*`, or all in `<stem>/`.

    Case and the form of accents may differ between image and mask; an exact match wins.
    """

    def __init__(self, folder: Path | None) -> None:
        self._exact: dict[str, Path] = {}
        self._folded: dict[str, Path] = {}
        if folder is None:
            return
        files = find_images(folder).images
        for path in files:
            self._add(path.relative_to(folder).with_suffix("").as_posix(), path)
        for path in files:
            if path.parent != folder:
                self._add(path.parent.relative_to(folder).as_posix(), path.parent)

    def _add(self, stem: str, path: Path) -> None:
        self._exact.setdefault(stem, path)
        self._folded.setdefault(folded(stem), path)

    def of(self, image: Path, folder: Path) -> Path | None:
        """Return the mask of an image that lies in the class's `folder`, a file or a folder of several, or None."""
        stem = image.relative_to(folder).with_suffix("").as_posix()
        for known, key in ((self._exact, stem), (self._folded, folded(stem))):
            for candidate in (f"{key}_mask", key):
                mask = known.get(candidate)
                # Where images lie in a folder of the image's own name, so do their masks, and those are not its.
                if mask is not None and not (mask.is_dir() and image.with_suffix("").is_dir()):
                    return mask
        return None


def read_class(
    folder: Path, root: Path, split: Split | None, skipped: list[Skipped], *, truth: Path | None = None
) -> Iterator[ImageRecord]:
    """Yield the images of one class folder, good or defective by its name; what is left out goes to `skipped`.

    Args:
        folder: the folder; deeper folders belong to the same class.
        root: what the records' names are relative to.
        split: the records' split.
        skipped: receives what was left out.
        truth: the folder of ground truth in which the class has a folder of the same name, or None.
    """
    good = is_good(folder)
    found = find_images(folder)
    masks = Masks(None if good or truth is None else child(truth, folder.name))
    skipped.extend(_under(found.skipped, name_below(folder, root)))
    for path in found.images:
        yield ImageRecord(
            name=name_below(path, root),
            path=path,
            split=split,
            defective=not good,
            defect=None if good else folder.name,
            mask=masks.of(path, folder),
        )


def read_unsorted(
    folder: Path, root: Path, split: Split | None, skipped: list[Skipped], *, recursive: bool = True
) -> Iterator[ImageRecord]:
    """Yield the images of a folder as unlabelled; what is left out goes to `skipped`."""
    found = find_images(folder, recursive=recursive)
    skipped.extend(_under(found.skipped, name_below(folder, root)))
    for path in found.images:
        yield ImageRecord(name=name_below(path, root), path=path, split=split)


def _under(skipped: list[Skipped], folder: str) -> list[Skipped]:
    return skipped if folder == "." else [Skipped(f"{folder}/{one.name}", one.reason) for one in skipped]
