"""Whatever a user has, a folder, files, arrays or Pillow images, becomes one `ImageSet`."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from patchsieve.errors import ImagesError
from patchsieve.images.arrays import LAYOUT as ARRAYS
from patchsieve.images.arrays import from_arrays
from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.folders import name_below, subfolders
from patchsieve.images.layouts import LAYOUTS, Layout, manifest, specific_layout
from patchsieve.images.order import in_order

AUTO = "auto"

PathLike = str | os.PathLike[str]
ArrayLike = npt.NDArray[Any] | Image.Image
Source = ImageSet | PathLike | ArrayLike | Iterable[PathLike] | Iterable[ArrayLike]


def read_images(source: Source, layout: str = AUTO) -> ImageSet:
    """Return the images of a source as a set; no image is decoded yet, except for arrays.

    ```python
    train = read_images("line7/2026-11/")           # a folder nobody sorted, or any known layout
    today = read_images(["a.png", "b.png", "new/"])  # files and folders, each image once
    parts = read_images("parts.csv")                 # a manifest
    frames = read_images(array)                      # [N, H, W, 3], or a list of arrays or Pillow images
    ```

    Args:
        source: a folder, a file, or a list of such; an array `[N, H, W, 3]`, `[N, H, W, 4]`, `[N, H, W]`,
            `[H, W, 3]` or `[H, W]`, a Pillow image, or a list of arrays or Pillow images; an `ImageSet` is
            returned as it is. A file that is named on its own may have any ending; one in .csv or .parquet is a
            manifest, see `patchsieve.images.layouts.manifest`.
        layout: "auto" recognises the layout of each folder, the most specific first; or the name of one of
            `LAYOUTS`, and "arrays" for arrays.

    Raises:
        ImagesError: nothing is there, no image is in it, the layout is unknown or does not fit, the folder
            holds several data sets, or an array cannot be an image.
    """
    if layout not in (AUTO, ARRAYS, *(one.name for one in LAYOUTS)):
        known = ", ".join((AUTO, *(one.name for one in LAYOUTS), ARRAYS))
        raise ImagesError(f"unknown layout {layout!r}: choose one of {known}")
    if isinstance(source, ImageSet):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source).expanduser(), layout)
    if isinstance(source, (np.ndarray, Image.Image)):
        return _read_arrays(source, layout)
    if not isinstance(source, Iterable):
        raise ImagesError(
            f"{type(source).__name__} is not a source of images: give a path, an array or a list"
        )
    return _read_many(list(source), layout)


def _read_many(items: Sequence[Any], layout: str) -> ImageSet:
    if not items:
        raise ImagesError("no images: the list is empty")
    if all(isinstance(item, (str, os.PathLike)) for item in items):
        return _merged([_read_path(Path(item).expanduser(), layout) for item in items])
    if all(isinstance(item, (np.ndarray, Image.Image)) for item in items):
        return _read_arrays(items, layout)
    kinds = ", ".join(sorted({type(item).__name__ for item in items}))
    raise ImagesError(
        f"a list of {kinds} is not a source of images: give only paths, or only arrays and Pillow images"
    )


def _read_arrays(source: ArrayLike | Sequence[ArrayLike], layout: str) -> ImageSet:
    if layout not in (AUTO, ARRAYS):
        raise ImagesError(
            f"the layout {layout!r} is for folders; arrays and Pillow images have the layout 'arrays'"
        )
    return from_arrays(source)


def _read_path(path: Path, layout: str) -> ImageSet:
    if layout == ARRAYS:
        raise ImagesError(f"the layout 'arrays' is for arrays and Pillow images, {path} is a path")
    try:
        path.stat()
    except OSError as error:
        raise ImagesError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    if not path.is_dir():
        if layout == manifest.name or (layout == AUTO and manifest.recognises(path)):
            return manifest.read(path)
        return ImageSet(path.parent, "folder", (ImageRecord(name_below(path, path.parent), path),))
    return _recognised(path) if layout == AUTO else _forced(path, layout)


def _recognised(root: Path) -> ImageSet:
    layout = specific_layout(root)
    if layout is not None:
        return layout.read(root)
    inside = [below.name for below in subfolders(root) if specific_layout(below) is not None]
    if inside:
        named = ", ".join(inside)
        raise ImagesError(
            f"{root} holds {len(inside)} data sets, not one ({named}): name one, e.g. {root / inside[0]}, "
            "or give layout 'folder' to take all images together, unlabelled"
        )
    if not LAYOUTS[-1].recognises(root):
        expected = "; ".join(
            f"{one.name}: {one.expects}" for one in LAYOUTS if one.expects.startswith("train")
        )
        raise ImagesError(
            f"{root} has train/ and test/, but their folders are of no known layout ({expected}): rename them, "
            "or give layout 'folder' to take all images together, unlabelled"
        )
    return LAYOUTS[-1].read(root)


def _forced(root: Path, name: str) -> ImageSet:
    layout: Layout = next(one for one in LAYOUTS if one.name == name)
    if layout is not LAYOUTS[-1] and not layout.recognises(root):
        raise ImagesError(f"{root} is not laid out as {name}, which is {layout.expects}")
    return layout.read(root)


def _merged(sets: Sequence[ImageSet]) -> ImageSet:
    """Join sets under their common folder; a file that is in several of them counts once, in the first."""
    if len(sets) == 1:
        return sets[0]
    absolute = [Path(os.path.abspath(one.root)) for one in sets]  # noqa: PTH100 - resolve() would follow links
    root = Path(os.path.commonpath(absolute))
    records: list[ImageRecord] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for one, base in zip(sets, absolute, strict=True):
        prefix = "" if base == root else f"{name_below(base, root)}/"
        skipped.extend(Skipped(prefix + item.name, item.reason) for item in one.skipped)
        new = [(os.path.realpath(record.path or ""), record) for record in one]
        records.extend(replace(record, name=prefix + record.name) for real, record in new if real not in seen)
        seen.update(real for real, _ in new)
    return ImageSet(root, "+".join(sorted({one.layout for one in sets})), in_order(records), tuple(skipped))
