"""A list of images to leave out, as a person wrote it down or `patchsieve suspects` did."""

import csv
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.images.collection import ImageSet, Skipped
from patchsieve.images.hashing import content_hash

EXCLUDED = "excluded by the user"
"""Why an image that a person left out was skipped: the end of its reason."""


def read_exclusions(path: Path | str) -> tuple[str, ...]:
    """Read names of images from a file: one a line, or the column ``image`` of a CSV with a header.

    Empty lines and lines that begin with ``#`` do not count. A CSV may have been through a spreadsheet program:
    commas, semicolons and tabs separate its columns.

    Raises:
        ImagesError: the file cannot be read as text.
    """
    path = Path(path)
    try:
        # utf-8-sig: spreadsheet programs put a byte-order mark first.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ImagesError(f"cannot read the list of images to exclude, {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ImagesError(f"the list of images to exclude, {path}, is not UTF-8 text") from error
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    for separator in ",;\t":
        if lines and "image" in next(csv.reader(lines[:1], delimiter=separator)):
            return tuple(row["image"] for row in csv.DictReader(lines, delimiter=separator) if row["image"])
    return tuple(line.strip() for line in lines)


def without(images: ImageSet, names: Collection[str]) -> ImageSet:
    """Return the set without the images named and their exact copies, which are listed as skipped.

    Args:
        images: the set.
        names: names of images in it, or paths of their files.

    Raises:
        ImagesError: a name belongs to no image of the set; silently keeping a defect would be worse.
    """
    wanted = set(names)
    matched = {
        record.name: {record.name, str(record.path)} & wanted
        for record in images
        if record.name in wanted or str(record.path) in wanted
    }
    unknown = sorted(wanted.difference(*matched.values()))
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise ImagesError(
            f"to be excluded, but not among the {len(images)} training images of {images.root}: "
            f"{', '.join(unknown[:3])}{more}; write names as patchsieve suspects lists them, or paths of files"
        )
    copies = _copies(images, matched)
    skipped = [
        *(Skipped(name, EXCLUDED) for name in matched),
        *(Skipped(name, f"exact copy of {original}, {EXCLUDED}") for name, original in copies.items()),
    ]
    kept = images.where(lambda record: record.name not in matched and record.name not in copies)
    return replace(kept, skipped=(*images.skipped, *skipped))


def _copies(images: ImageSet, originals: Collection[str]) -> dict[str, str]:
    """Return the names of the other images with the content of an original, and whose: one defect, stored twice."""
    hashes = {}
    for record in images:
        with suppress(BrokenImageError):  # decoding will name it
            hashes[record.name] = content_hash(record)
    named = {hashes[name]: name for name in originals if name in hashes}
    return {
        name: named[content] for name, content in hashes.items() if content in named and name not in originals
    }
