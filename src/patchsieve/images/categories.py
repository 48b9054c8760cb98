"""A data set of several categories, such as MVTec AD with its fifteen: which folders of its root are categories."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patchsieve.errors import ImagesError
from patchsieve.images.collection import Skipped
from patchsieve.images.folders import find_images, subfolders
from patchsieve.images.layouts import specific_layout


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories of a data set.

    Attributes:
        root: the folder they were looked for in.
        folders: folder by name of the category, in natural order; `read_images` reads each. A category that is a
            manifest is its file.
        skipped: folders with images that cannot be read as a category, and why.
    """

    root: Path
    folders: Mapping[str, Path]
    skipped: tuple[Skipped, ...] = ()


def read_categories(root: Path | str) -> Categories:
    """Return the categories of a data set's folder; of a folder that is one category, or of a manifest, that one.

    Folders without images (lists of splits, licences) are passed over. A category must have a layout with labels.

    Raises:
        ImagesError: there is no category; the text says what is there instead.
    """
    root = Path(root).expanduser()
    if not root.exists():
        raise ImagesError(f"cannot read {root}: no such file or folder")
    if specific_layout(root) is not None:
        # A relative path may end in nothing that names it.
        return Categories(root, {root.absolute().stem if root.is_file() else root.resolve().name: root})
    if not root.is_dir():
        raise ImagesError(f"{root} is neither a folder nor a manifest, a .csv or .parquet file")
    folders: dict[str, Path] = {}
    skipped: list[Skipped] = []
    for below in _each_once(root, skipped):
        reason = _objection(below)
        if reason is None:
            folders[below.name] = below
        elif reason:
            skipped.append(Skipped(f"{below.name}/", reason))
    if not folders:
        raise ImagesError(_nothing(root, skipped))
    return Categories(root, folders, tuple(skipped))


def _each_once(root: Path, skipped: list[Skipped]) -> list[Path]:
    """Return the folders below `root` but for links to another one of them."""
    below = subfolders(root)
    real = {os.path.realpath(path) for path in below if not path.is_symlink()}
    kept = []
    for path in below:
        target = os.path.realpath(path)
        if not path.is_symlink():
            kept.append(path)
        elif target in real:
            skipped.append(Skipped(f"{path.name}/", "a link to a folder that is counted already"))
        else:
            real.add(target)
            kept.append(path)
    return kept


def _objection(folder: Path) -> str | None:
    """Return why a folder is no category; "" where it has nothing to do with images, None where it is one."""
    try:
        layout = specific_layout(folder)
        if layout is not None:
            layout.read(folder)
            return None
        if any(specific_layout(below) for below in subfolders(folder)):
            return "it holds categories itself: name it instead"
        return "its images are in no layout with labels" if find_images(folder).images else ""
    except ImagesError as error:
        return str(error)


def _nothing(root: Path, skipped: list[Skipped]) -> str:
    found = "; ".join(f"{one.name} {one.reason}" for one in skipped[:3])
    return (
        f"no category in {root}: neither it nor a folder in it has a layout with labels, such as train/good and "
        f"test/<defect>{f' ({found})' if found else ''}"
    )
