"""The result table: one stable schema for predictions and suspects, in three forms.

Columns: ``image`` (name), ``score`` (raw anomaly score), ``threshold``, ``verdict`` ("good", "defect", "review" where
that was asked for, or "skipped" for an image that cannot be decoded, whose other columns but the last are empty),
``peak_x`` and ``peak_y`` (pixels of the image, from its top left corner), ``seconds`` (decoding to map), ``note`` (why
skipped).
"""

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.table import Table

from patchsieve.cli.console import out
from patchsieve.cli.formats import RowsFormat

if TYPE_CHECKING:
    from patchsieve.decisions import Result

COLUMNS = ("image", "score", "threshold", "verdict", "peak_x", "peak_y", "seconds", "note")
SKIPPED = "skipped"

Row = dict[str, Any]


def rows_of(result: "Result") -> list[Row]:
    """Return one row per image scored, then one per image skipped."""
    scored = [
        {
            "image": name,
            "score": float(result.scores[index]),
            "threshold": result.threshold,
            "verdict": result.verdicts[index],
            "peak_x": int(result.peaks[index, 0]),
            "peak_y": int(result.peaks[index, 1]),
            "seconds": round(float(result.seconds[index]), 4),
            "note": "",
        }
        for index, name in enumerate(result.images.names)
    ]
    empty = dict.fromkeys(COLUMNS)
    return scored + [
        empty | {"image": skip.name, "verdict": SKIPPED, "note": skip.reason} for skip in result.skipped
    ]


def csv_text(rows: Iterable[Row], columns: Sequence[str] = COLUMNS) -> str:
    """Return the rows as CSV with a header; scores have all their digits."""
    stream = StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def show(rows: list[Row], format: RowsFormat) -> None:
    """Print rows to standard output."""
    if format is RowsFormat.csv:
        print(csv_text(rows), end="")
    elif format is RowsFormat.json:
        print(json.dumps(rows, indent=2))
    else:
        _print_table(rows)


def _print_table(rows: list[Row]) -> None:
    table = Table(box=None, pad_edge=False)
    # A name that is wider than the console goes on in the next line: it is never cut.
    table.add_column("image", overflow="fold")
    for column in ("score", "verdict", "peak", "note"):
        table.add_column(column)
    for row in rows:
        scored = row["verdict"] != SKIPPED
        table.add_row(
            row["image"],
            f"{row['score']:.4g}" if scored else "-",
            row["verdict"],
            f"{row['peak_x']}, {row['peak_y']}" if scored else "-",
            row["note"],
        )
    out.print(table)
