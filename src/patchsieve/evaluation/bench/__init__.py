"""Grids of experiments: detectors on data sets, with noise on purpose, over seeds.

In come folders of labelled images and a list of systems and conditions; out comes one `CellResult` for each
experiment, kept in one file so that a stopped grid continues and nothing is done twice.
"""

from patchsieve.evaluation.bench.cells import METRICS, Cell, CellResult, Condition, System

__all__ = ["METRICS", "Cell", "CellResult", "Condition", "System"]
