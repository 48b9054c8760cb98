"""Tables of images, CSV or Parquet, as rows of text."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import IO, Any

from patchsieve.errors import ImagesError

PARQUET = ".parquet"

Rows = tuple[Sequence[str], Iterable[dict[str, Any]]]


def read_table(path: Path, columns: Sequence[str], required: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a table; see `iter_table`. Raises `ImagesError`."""
    try:
        with path.open("rb") as stream:
            return list(iter_table(stream, str(path), columns, required))
    except OSError as error:
        raise ImagesError(f"{path}: cannot be read: {error}") from error


def iter_table(
    stream: IO[bytes], name: str, columns: Sequence[str], required: Sequence[str]
) -> Iterator[dict[str, str]]:
    """Yield the rows of a table as text by column: "" where nothing stands, "1" and "0" for true and false.

    They are read as they are asked for, in memory that does not grow with their number. CSV is UTF-8 and separated by
    commas, or by semicolons where its first line has no comma. Upper case in the names of columns does not count.

    Args:
        stream: its bytes, from their beginning.
        name: where they come from, for people; Parquet if it ends in .parquet, else CSV.
        columns: names of the columns to return, in lower case; others are not read.
        required: those of them that must be there.

    Raises:
        ImagesError: it cannot be read, a required column is missing, or pyarrow is, which reads Parquet.
    """
    parquet = name.lower().endswith(PARQUET)
    with _parquet_in_words(name) if parquet else _csv_in_words(name):
        names, rows = _parquet(stream, columns) if parquet else _csv(stream)
        found = {_text(each).lower(): each for each in names}
        missing = [column for column in required if column not in found]
        if missing:
            raise ImagesError(f"{name}: no column {', '.join(missing)}; it needs {', '.join(required)}")
        there = [(column, found[column]) for column in columns if column in found]
        empty = dict.fromkeys(columns, "")
        for row in rows:
            yield empty | {column: _text(row[each]) for column, each in there}


def is_there(path: Path) -> bool:
    """Say whether a path that a table names is there; whatever stands in the table."""
    try:
        return path.exists()
    except (OSError, ValueError):  # what no file can be called
        return False


@contextmanager
def _csv_in_words(name: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise ImagesError(f"{name}: cannot be read as CSV: it is not UTF-8; save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise ImagesError(f"{name}: cannot be read as CSV: {error}") from error


@contextmanager
def _parquet_in_words(name: str) -> Iterator[None]:
    if find_spec("pyarrow") is None:
        raise ImagesError(
            f"{name}: Parquet needs pyarrow: pip install 'patchsieve[parquet]', or save it as CSV"
        )
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise ImagesError(f"{name}: cannot be read as Parquet: {error}") from error


def _csv(stream: IO[bytes]) -> Rows:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    first = text.readline()
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.DictReader(chain([first], text), delimiter=delimiter)
    return reader.fieldnames or (), reader


def _parquet(stream: IO[bytes], columns: Sequence[str]) -> Rows:
    from pyarrow import parquet

    file = parquet.ParquetFile(stream)
    names = [each for each in file.schema_arrow.names if _text(each).lower() in columns]
    return names, (row for batch in file.iter_batches(columns=names) for row in batch.to_pylist())


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    # Tables that had empty cells on their way come with labels 0.0 and 1.0.
    whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return str(int(value) if whole else value).strip()
