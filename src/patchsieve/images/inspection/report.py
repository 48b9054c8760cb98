"""What an inspection says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from patchsieve.images.collection import Skipped, Split


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many images a split has of a class: "good", "unlabelled", or the name of a defect."""

    split: Split | None
    label: str
    images: int


@dataclass(frozen=True, slots=True)
class SizeCount:
    """How many images have a size, in pixels as they are shown."""

    width: int
    height: int
    images: int


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Images that are the same picture.

    Attributes:
        names: the images, in the set's order.
        kind: "file" when all are the same bytes, "pixels" when only what they show is the same, as after
            saving an image again in another lossless format.
        across_splits: some of them are in train and some in test.
        conflicting: some of them are labelled good and some defective.
    """

    names: tuple[str, ...]
    kind: Literal["file", "pixels"]
    across_splits: bool
    conflicting: bool


@dataclass(frozen=True, slots=True)
class InspectionReport:
    """What `inspect_images` found.

    Attributes:
        root: the folder of the set.
        layout: the layout it was read as.
        images: number of images, the unreadable ones included.
        classes: counts per split and class, train first and good first.
        sizes: readable images per size, the most frequent first.
        modes: readable images per pixel layout in the file ("RGB", "L" grey, "P" palette, "I;16", ...).
        bits: readable images per number of bits per channel in the file.
        formats: readable images per format by content ("PNG", "JPEG", ...; "array" for arrays).
        unreadable: images that cannot be decoded, and why.
        skipped: what was left out while the folder was read, and why.
        duplicates: groups of images that are the same picture.
        missing_masks: defective images without a mask, in a set where others have one.
        wrong_masks: images whose mask cannot be decoded or has another size, and why.
        warnings: what of all this can spoil a model or a figure, in sentences.
    """

    root: Path
    layout: str
    images: int
    classes: tuple[ClassCount, ...]
    sizes: tuple[SizeCount, ...]
    modes: dict[str, int]
    bits: dict[int, int]
    formats: dict[str, int]
    unreadable: tuple[Skipped, ...]
    skipped: tuple[Skipped, ...]
    duplicates: tuple[Duplicates, ...]
    missing_masks: tuple[str, ...]
    wrong_masks: tuple[Skipped, ...]
    warnings: tuple[str, ...] = ()

    @property
    def across_splits(self) -> tuple[Duplicates, ...]:
        """The pictures that stand in both train and test."""
        return tuple(group for group in self.duplicates if group.across_splits)
