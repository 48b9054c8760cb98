"""Drift: do images still look like those that a model was fitted on?

In go a fitted model and images `[M]` that it has not learnt from; out comes a `DriftReport`. It stands in this room and
not among the decisions, because like an evaluation it holds a model against images: what it compares (scores, pooled
features, figures of the images) has to be extracted by the model first. No decision about a part depends on it.
"""

from patchsieve.evaluation.drift.checking import drift
from patchsieve.evaluation.drift.findings import Finding, Rules, Sample, findings
from patchsieve.evaluation.drift.report import DriftReport
from patchsieve.evaluation.drift.words import causes, change_in_words, headline, sentences

__all__ = [
    "DriftReport",
    "Finding",
    "Rules",
    "Sample",
    "causes",
    "change_in_words",
    "drift",
    "findings",
    "headline",
    "sentences",
]
