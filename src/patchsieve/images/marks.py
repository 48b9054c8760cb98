"""What a person decided about suspects: a table with a column `mark`, filled in with any spreadsheet program."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patchsieve.errors import ImagesError

KEEP, DROP = "keep", "drop"
MARK_COLUMN = "mark"
_IMAGE_COLUMN = "image"
_SEPARATORS = ",;\t"
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Marks:
    """Images by name, as a person judged them.

    Attributes:
        keep: confirmed to be good, in the order of the file.
        drop: to be left out, likewise.
    """

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


def read_marks(path: Path | str) -> Marks:
    """Read a CSV with the columns ``image`` and ``mark``, which holds keep, drop or nothing.

    Spreadsheet programs are known to save it with a byte-order mark, with semicolons or tabs, with other line ends, in
    capitals and with spaces around: all of that is understood. Rows without a mark do not count.

    Raises:
        ImagesError: the file cannot be read, lacks a column, or a mark is neither word, or contradicts another.
    """
    path = Path(path)
    table = read_table(path, "marks")
    header = table[0][1] if table else []
    missing = [name for name in (_IMAGE_COLUMN, MARK_COLUMN) if name not in header]
    if missing:
        raise ImagesError(
            f"{path} has no column {' and no column '.join(missing)}; write it with patchsieve suspects --csv "
            "and fill its column mark"
        )
    return marks_of(path, table)


def read_table(path: Path, what: str) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV that may have been through a spreadsheet program, each with its line in the file.

    The separator is what the first row has with a column ``image``; names of columns come in small letters. Empty rows
    are left out.

    Args:
        path: the file.
        what: it holds, in the plural, for errors.

    Raises:
        ImagesError: the file cannot be read as text.
    """
    lines = read_lines(path, what)
    for separator in _SEPARATORS:
        reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
        if rows and rows[0][1][0].lower().startswith("sep="):  # Excel's own hint
            rows = rows[1:]
        if rows and _IMAGE_COLUMN in (names := [cell.strip().lower() for cell in rows[0][1]]):
            return [(rows[0][0], names), *rows[1:]]
    return []


def read_lines(path: Path, what: str) -> list[str]:
    """Return the lines of a text file. Raises `ImagesError` where it cannot be read."""
    try:
        # utf-8-sig: spreadsheet programs put a byte-order mark first.
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ImagesError(f"cannot read the {what}, {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ImagesError(f"the {what}, {path}, is not UTF-8 text; save it as CSV UTF-8") from error


def marks_of(path: Path, table: list[tuple[int, list[str]]]) -> Marks:
    """Return the marks of a table that has both columns, its names of columns first. See `read_marks`."""
    header = table[0][1]
    image_at, mark_at = header.index(_IMAGE_COLUMN), header.index(MARK_COLUMN)
    marks: dict[str, str] = {}
    wrong = []
    for line, row in table[1:]:
        name = row[image_at] if image_at < len(row) else ""
        mark = row[mark_at].strip().lower() if mark_at < len(row) else ""
        if not mark:
            continue
        if mark not in (KEEP, DROP):
            wrong.append(f"line {line}: {row[mark_at]!r}")
        elif not name:
            wrong.append(f"line {line}: {mark} of no image")
        elif marks.setdefault(name, mark) != mark:
            wrong.append(f"line {line}: {mark} and {marks[name]} of {name}")
    if wrong:
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise ImagesError(
            f"{path}: a mark is {KEEP}, {DROP} or nothing, not {'; '.join(wrong[:_MOST_NAMED])}{more}"
        )
    return Marks(_named(marks, KEEP), _named(marks, DROP))


def _named(marks: Mapping[str, str], wanted: str) -> tuple[str, ...]:
    return tuple(name for name, mark in marks.items() if mark == wanted)
