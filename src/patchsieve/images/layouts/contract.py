"""What every layout offers, and how a layout's images become a set."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from patchsieve.errors import ImagesError
from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.folders import SUFFIXES, find_images
from patchsieve.images.order import in_order, natural_key


class Layout(Protocol):
    """One way to lay out images; the modules of `patchsieve.images.layouts` are such."""

    @property
    def name(self) -> str:
        """The name that `read_images(layout=...)` and `ImageSet.layout` use."""

    @property
    def expects(self) -> str:
        """The folders or files it needs, in one line for people."""

    def recognises(self, root: Path) -> bool:
        """Say whether `root` is laid out this way, from names alone. Raises `ImagesError`."""

    def read(self, root: Path) -> ImageSet:
        """Read `root` as this layout. Raises `ImagesError` when there is no image in it."""


def image_set(
    root: Path, layout: str, records: Iterable[ImageRecord], skipped: Iterable[Skipped] = ()
) -> ImageSet:
    """Return the records as a set in its stable order: by split, then by name in natural order.

    Raises:
        ImagesError: there is no record; the text says what was looked for and what is there instead.
    """
    ordered = in_order(records)
    left_out = tuple(sorted(skipped, key=lambda one: natural_key(one.name)))
    if not ordered:
        raise ImagesError(_nothing(root, left_out))
    return ImageSet(root, layout, ordered, left_out)


def _nothing(root: Path, skipped: tuple[Skipped, ...]) -> str:
    endings = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
    found = find_images(root)
    if found.images:
        there = f"its {len(found.images)} image files are not where the layout has them"
    elif found.others:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in found.others.most_common(5))
        there = f"{found.others.total()} other files are there ({kinds})"
    else:
        there = "it holds no other files either"
    first = f"; left out: {skipped[0].name} ({skipped[0].reason})" if skipped else ""
    return f"no images in {root}: looked for files ending in {endings}; {there}{first}"
