"""A list of images to leave out, as a person wrote it down or `patchsieve suspects` did."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.images.collection import ImageSet, Skipped
from patchsieve.images.hashing import content_hash
from patchsieve.images.marks import MARK_COLUMN, marks_of, read_lines, read_table

EXCLUDED = "excluded by the user"
"""Why an image that a person left out was skipped: the end of its reason."""

_WHAT = "list of images to exclude"


def read_exclusions(path: Path | str) -> tuple[str, ...]:
    """Read names of images from a file: one a line, or the column ``image`` of a CSV with a header.

    Where the CSV has a column ``mark``, the images marked drop are meant, and no other; see `read_marks`. Empty lines
    and lines that begin with ``#`` do not count. A CSV may have been through a spreadsheet program: commas, semicolons
    and tabs separate its columns.

    Raises:
        ImagesError: the file cannot be read as text, or a mark is no mark.
    """
    path = Path(path)
    table = [row for row in read_table(path, _WHAT) if not row[1][0].startswith("#")]
    if not table:
        lines = (line.strip() for line in read_lines(path, _WHAT))
        return tuple(line for line in lines if line and not line.startswith("#"))
    header = table[0][1]
    if MARK_COLUMN in header:
        return marks_of(path, table).drop
    place = header.index("image")
    return tuple(row[place] for _, row in table[1:] if place < len(row) and row[place])


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
