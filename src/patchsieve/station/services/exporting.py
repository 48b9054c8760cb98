"""The history as files for other programs: CSV, streamed, and Parquet."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import IO, Any

from patchsieve.station.errors import Unavailable
from patchsieve.station.languages import said
from patchsieve.station.services.inspection import Inspection

_ROWS = 1000
# What a spreadsheet would take for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def fields_of(one: Inspection) -> dict[str, Any]:
    """Return an inspection as one flat row; regions are in the API's answers only."""
    return {
        "id": one.id,
        "line": one.line,
        "version": one.version,
        "image_name": one.image_name,
        "image_sha256": one.image_sha256,
        "source": one.source,
        "created_at": one.created_at,
        "score": one.score,
        "threshold": one.threshold,
        "operating_point": one.operating_point,
        "verdict": one.verdict,
        "width": one.width,
        "height": one.height,
        "peak_x": one.peak[0],
        "peak_y": one.peak[1],
        "regions": len(one.regions),
        "seconds": one.seconds,
        "by": one.by,
        "human_verdict": one.human_verdict,
        "human_note": one.human_note,
        "judged_by": one.judged_by,
        "judged_at": one.judged_at,
    }


_COLUMNS = [
    "id",
    "line",
    "version",
    "image_name",
    "image_sha256",
    "source",
    "created_at",
    "score",
    "threshold",
    "operating_point",
    "verdict",
    "width",
    "height",
    "peak_x",
    "peak_y",
    "regions",
    "seconds",
    "by",
    "human_verdict",
    "human_note",
    "judged_by",
    "judged_at",
]


def csv_lines(found: Iterable[Inspection]) -> Iterator[str]:
    """Yield the text of a CSV file in pieces; the first line names the columns."""
    yield _csv([_COLUMNS])
    for rows in _batches(found):
        yield _csv([[_cell(value) for value in fields_of(one).values()] for one in rows])


def parquet_file(found: Iterable[Inspection]) -> IO[bytes]:
    """Write a Parquet file; return it open at its beginning, and gone once it is closed.

    Raises:
        Unavailable: pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise Unavailable(
            said("this station cannot write Parquet: pip install 'patchsieve[parquet]', or export CSV")
        ) from error
    moment = arrow.timestamp("us", tz="UTC")
    kinds: Mapping[str, Any] = {
        **dict.fromkeys(("created_at", "judged_at"), moment),
        **dict.fromkeys(("score", "threshold", "seconds"), arrow.float64()),
        **dict.fromkeys(("version", "width", "height", "peak_x", "peak_y", "regions"), arrow.int32()),
    }
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in _COLUMNS])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with parquet.ParquetWriter(file, schema) as writer:
        for rows in _batches(found):
            writer.write_table(arrow.Table.from_pylist([fields_of(one) for one in rows], schema=schema))
    file.seek(0)
    return file


def _batches(found: Iterable[Inspection]) -> Iterator[list[Inspection]]:
    rest = iter(found)
    while rows := list(islice(rest, _ROWS)):
        yield rows


def _csv(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULAS) else value
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)
