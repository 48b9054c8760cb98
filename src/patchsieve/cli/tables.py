"""The result table in three forms; see `patchsieve.decisions.rows` for its columns."""

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO

from rich.table import Table

from patchsieve.cli.console import out
from patchsieve.cli.formats import RowsFormat
from patchsieve.decisions.rows import COLUMNS, SKIPPED, Row


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
