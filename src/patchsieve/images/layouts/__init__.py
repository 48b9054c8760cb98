"""Layouts: what a folder's shape, or a manifest, says about its images.

In goes a folder, or a manifest's file; out comes an `ImageSet` with split, label and mask of every image. Each layout
is one file with the same contract (`Layout`); `LAYOUTS` holds them, the most specific first, the plain folder last.
"""

from pathlib import Path

from patchsieve.images.layouts import (
    btad,
    course,
    folder,
    good_bad,
    ksdd,
    ksdd2,
    manifest,
    mtd,
    mvtec,
    mvtec_ad2,
    mvtec_loco,
    visa,
)
from patchsieve.images.layouts.contract import Layout

LAYOUTS: tuple[Layout, ...] = (
    manifest,
    visa,
    mtd,
    ksdd,
    ksdd2,
    mvtec_ad2,
    mvtec_loco,
    course,
    btad,
    mvtec,
    good_bad,
    folder,
)

__all__ = ["LAYOUTS", "Layout", "specific_layout"]


def specific_layout(path: Path) -> Layout | None:
    """Return the layout that a folder or file has; None where it is at most the plain folder's.

    Raises:
        ImagesError: a folder cannot be listed, or a table that says what it is cannot be read.
    """
    # Folders' layouts list what they are given, which a file cannot be.
    candidates = LAYOUTS[:-1] if path.is_dir() else (manifest,)
    return next((layout for layout in candidates if layout.recognises(path)), None)
