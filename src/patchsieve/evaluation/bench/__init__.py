"""Grids of experiments: detectors on data sets, with noise on purpose, over seeds.

In come folders of labelled images and a list of systems and conditions; out comes one `CellResult` for each
experiment, kept in one file so that a stopped grid continues and nothing is done twice.
"""

from patchsieve.evaluation.bench.cells import METRICS, Cell, CellResult, Condition, System
from patchsieve.evaluation.bench.certainty import Certainty, Comparison, auroc_certainty
from patchsieve.evaluation.bench.engines import Engine, Share, side_by_side
from patchsieve.evaluation.bench.grid import Bench
from patchsieve.evaluation.bench.plan import BenchPlan, Category, categories, conditions
from patchsieve.evaluation.bench.presets import BENCH_PRESETS, BenchPreset
from patchsieve.evaluation.bench.running import Running
from patchsieve.evaluation.bench.settings import varied, with_settings
from patchsieve.evaluation.bench.store import ResultStore
from patchsieve.evaluation.bench.summary import Summary, summaries
from patchsieve.evaluation.bench.systems import named_systems

__all__ = [
    "BENCH_PRESETS",
    "METRICS",
    "Bench",
    "BenchPlan",
    "BenchPreset",
    "Category",
    "Cell",
    "CellResult",
    "Certainty",
    "Comparison",
    "Condition",
    "Engine",
    "ResultStore",
    "Running",
    "Share",
    "Summary",
    "System",
    "auroc_certainty",
    "categories",
    "conditions",
    "named_systems",
    "side_by_side",
    "summaries",
    "varied",
    "with_settings",
]
