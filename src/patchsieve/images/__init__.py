"""Pixels come in: folders, files and arrays become an `ImageSet`, and its images become pixels.

In goes whatever a user has: a folder in a known layout (MVTec AD, BTAD, VisA, good/bad, ...) or in none, a manifest,
files, arrays, Pillow images. Out comes an `ImageSet` of `ImageRecord`s, each with name, split, label and
mask, from which `decode` gives uint8 RGB `[H, W, 3]`, upright, and `decode_mask` bool `[H, W]`. `inspect_images`
says what can spoil the work, `measure_appearance` gives a few figures of what a person would see, `inject_noise` spoils
the work on purpose and writes down how.

This room needs NumPy, Pillow, Pydantic and, to move or draw images, SciPy. `patchsieve.images.preprocessing`, which
turns pixels into a backbone's input, needs torch and is imported by those who need it.
"""

from patchsieve.images.appearance import STATISTICS, Appearance, Statistic, measure_appearance
from patchsieve.images.augmentation import Augmentation
from patchsieve.images.categories import Categories, read_categories
from patchsieve.images.collection import ImageRecord, ImageSet, Pixels, Skipped, Split
from patchsieve.images.decoding import Mask, decode, decode_mask
from patchsieve.images.duplicates import content_hashes, distinct
from patchsieve.images.exclusions import EXCLUDED, read_exclusions, without
from patchsieve.images.hashing import content_hash
from patchsieve.images.inspection import ClassCount, Duplicates, InspectionReport, SizeCount, inspect_images
from patchsieve.images.layouts import LAYOUTS, Layout
from patchsieve.images.marks import Marks, read_marks
from patchsieve.images.noise import apply_manifest, inject_noise
from patchsieve.images.noise_manifest import Manifest, ManifestEntry, Overlap, TooFew
from patchsieve.images.opening import MAX_PIXELS, Header, probe
from patchsieve.images.reading import read_images
from patchsieve.images.sizes import usual_size
from patchsieve.images.splitting import split_images

__all__ = [
    "EXCLUDED",
    "LAYOUTS",
    "MAX_PIXELS",
    "STATISTICS",
    "Appearance",
    "Augmentation",
    "Categories",
    "ClassCount",
    "Duplicates",
    "Header",
    "ImageRecord",
    "ImageSet",
    "InspectionReport",
    "Layout",
    "Manifest",
    "ManifestEntry",
    "Marks",
    "Mask",
    "Overlap",
    "Pixels",
    "SizeCount",
    "Skipped",
    "Split",
    "Statistic",
    "TooFew",
    "apply_manifest",
    "content_hash",
    "content_hashes",
    "decode",
    "decode_mask",
    "distinct",
    "inject_noise",
    "inspect_images",
    "measure_appearance",
    "probe",
    "read_categories",
    "read_exclusions",
    "read_images",
    "read_marks",
    "split_images",
    "usual_size",
    "without",
]
