"""How sure one may be of a figure, and whether one detector is better than another or only luckier.

In come figures of seeds or cells (None where a figure is not defined), or labels `[N]` and scores `[N]` of the same
test images; out come small dataclasses. What too little data cannot say is None, and `undefined` says why.
"""

from patchsieve.evaluation.statistics.cells import (
    CellsComparison,
    PairOfSystems,
    compare_cells,
    compare_systems,
    holm,
)
from patchsieve.evaluation.statistics.delong import AurocComparison, compare_aurocs
from patchsieve.evaluation.statistics.interval import Interval, auroc_interval
from patchsieve.evaluation.statistics.spread import Spread, spread

__all__ = [
    "AurocComparison",
    "CellsComparison",
    "Interval",
    "PairOfSystems",
    "Spread",
    "auroc_interval",
    "compare_aurocs",
    "compare_cells",
    "compare_systems",
    "holm",
    "spread",
]
