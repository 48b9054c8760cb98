"""What papers print, beside what is measured here.

In come `CellResult`s and the name of a published table; out come rows with both figures and their difference. Figures
are facts, carried with their source; one that was not seen in print is absent.
"""

from patchsieve.evaluation.bench.published.comparison import Reproduction, compared
from patchsieve.evaluation.bench.published.tables import (
    CATEGORIES,
    Correction,
    PublishedTable,
    Source,
    published,
    published_tables,
)

__all__ = [
    "CATEGORIES",
    "Correction",
    "PublishedTable",
    "Reproduction",
    "Source",
    "compared",
    "published",
    "published_tables",
]
