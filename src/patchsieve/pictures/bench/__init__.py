"""The pictures of a bench: what the results of many experiments look like, side by side.

In come `CellResult`s, and for the examples a fitted detector with its `Embeddings` and `Result`; out come
`BenchFigure`s (SVG, PNG, the words and the numbers of each), `BenchTable`s, and a report of all of them.
"""

from patchsieve.pictures.bench.board import condition_words
from patchsieve.pictures.bench.examples import examples
from patchsieve.pictures.bench.figure import BenchFigure, BenchTable, Table
from patchsieve.pictures.bench.projections import METHODS, bank_projection, split_projection
from patchsieve.pictures.bench.published import published_table
from patchsieve.pictures.bench.report import write_bench_report
from patchsieve.pictures.bench.scene import shown_cells

__all__ = [
    "METHODS",
    "BenchFigure",
    "BenchTable",
    "Table",
    "bank_projection",
    "condition_words",
    "examples",
    "published_table",
    "shown_cells",
    "split_projection",
    "write_bench_report",
]
