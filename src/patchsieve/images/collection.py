"""The images of one inspection task and what is known about each: the value that every other room takes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from patchsieve.images.augmentation import Augmentation

Split = Literal["train", "test"]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image and what its folder says about it. Pixels are decoded when they are needed, not before.

    Attributes:
        name: stable identity in tables, reports and model files: the POSIX path below the set's root.
        path: the file, or None for an image that was handed over as an array.
        split: "train" or "test" where the layout has splits, else None.
        defective: whether the image is labelled as holding a defect; None where nobody has said.
        defect: the layout's name of the defect class, e.g. "scratch"; None for good and unlabelled images.
        mask: file of the ground-truth mask (non-zero is defective), or folder of several that are joined; None where
            there is none. `decode_mask` reads both.
        pixels: uint8 RGB `[H, W, 3]` for an image that never was a file, else None.
        augmentations: how the image differs from its file or its pixels, and from its mask's file; applied one
            upon the other when it is decoded.
    """

    name: str
    path: Path | None = None
    split: Split | None = None
    defective: bool | None = None
    defect: str | None = None
    mask: Path | None = None
    pixels: Pixels | None = field(default=None, repr=False, compare=False)
    augmentations: tuple[Augmentation, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why, in words."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImageSet(Sequence[ImageRecord]):
    """An ordered set of images: what `read_images` returns and every detector takes.

    Attributes:
        root: the folder the names are relative to.
        layout: name of the layout that was recognised, e.g. "mvtec", "folder", "arrays".
        records: the images, in a stable order (by name within split).
        skipped: what was left out while reading the folder.
    """

    root: Path
    layout: str
    records: tuple[ImageRecord, ...]
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self.records)

    def __getitem__(self, index: int) -> ImageRecord:  # type: ignore[override]
        """Return the record at `index`; take sub-sets with `where` or `with_records`."""
        return self.records[index]

    def where(self, keep: Callable[[ImageRecord], bool]) -> "ImageSet":
        """Return the sub-set of records for which `keep` is true, in the same order."""
        return self.with_records(record for record in self.records if keep(record))

    def with_records(self, records: "Iterator[ImageRecord] | Sequence[ImageRecord]") -> "ImageSet":
        """Return the same set with other records."""
        return replace(self, records=tuple(records))

    @property
    def train(self) -> "ImageSet":
        """The images to learn from: the train split, or all images where the layout has no splits."""
        return self.where(lambda record: record.split != "test")

    @property
    def test(self) -> "ImageSet":
        """The images to judge by: the test split, or all images where the layout has no splits."""
        return self.where(lambda record: record.split != "train")

    @property
    def names(self) -> tuple[str, ...]:
        """The records' names, in order."""
        return tuple(record.name for record in self.records)
