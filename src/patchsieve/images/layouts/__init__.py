"""Folder layouts: what a folder's shape says about its images.

In goes a folder; out comes an `ImageSet` with split, label and mask of every image. Each layout is one file with
the same contract (`Layout`); `LAYOUTS` holds them, the most specific first, the plain folder last.
"""

from patchsieve.images.layouts import btad, course, folder, good_bad, mtd, mvtec, visa
from patchsieve.images.layouts.contract import Layout

LAYOUTS: tuple[Layout, ...] = (visa, mtd, course, btad, mvtec, good_bad, folder)

__all__ = ["LAYOUTS", "Layout"]
