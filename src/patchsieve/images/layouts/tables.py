"""Tables of images, CSV or Parquet, as rows of text."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from patchsieve.errors import ImagesError

PARQUET = ".parquet"


def read_table(path: Path, columns: Sequence[str], required: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a table as text by column: "" where nothing stands, "1" and "0" for true and false.

    CSV is UTF-8 and separated by commas, or by semicolons where its first line has no comma. Upper case in the
    names of columns does not count.

    Args:
        path: Parquet if it ends in .parquet, else CSV.
        columns: names of the columns to return, in lower case; others are not read.
        required: those of them that must be there.

    Raises:
        ImagesError: it cannot be read, a required column is missing, or pyarrow is, which reads Parquet.
    """
    names, rows = _parquet(path, columns) if path.suffix.lower() == PARQUET else _csv(path)
    found = {_text(name).lower(): name for name in names}
    missing = [column for column in required if column not in found]
    if missing:
        raise ImagesError(f"{path}: no column {', '.join(missing)}; it needs {', '.join(required)}")
    there = [(column, found[column]) for column in columns if column in found]
    empty = dict.fromkeys(columns, "")
    return [empty | {column: _text(row[name]) for column, name in there} for row in rows]


def is_there(path: Path) -> bool:
    """Say whether a path that a table names is there; whatever stands in the table."""
    try:
        return path.exists()
    except (OSError, ValueError):  # what no file can be called
        return False


def _csv(path: Path) -> tuple[Sequence[str], Iterable[dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = ";" if ";" in first and "," not in first else ","
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
        return reader.fieldnames or (), list(reader)
    except UnicodeDecodeError as error:
        raise ImagesError(f"{path}: cannot be read as CSV: it is not UTF-8; save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise ImagesError(f"{path}: cannot be read as CSV: {error}") from error


def _parquet(path: Path, columns: Sequence[str]) -> tuple[Sequence[str], Iterable[dict[str, Any]]]:
    if find_spec("pyarrow") is None:
        raise ImagesError(
            f"{path}: Parquet needs pyarrow: pip install 'patchsieve[parquet]', or save it as CSV"
        )
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if _text(name).lower() in columns]
            return names, file.read(columns=names).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ImagesError(f"{path}: cannot be read as Parquet: {error}") from error


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    # Tables that had empty cells on their way come with labels 0.0 and 1.0.
    whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return str(int(value) if whole else value).strip()
