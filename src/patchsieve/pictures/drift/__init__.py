"""Pictures of a check for drift.

In come a `DriftReport` of `patchsieve.evaluation.drift` and the model; out comes one HTML file with histograms of
training `[N]` against today `[M]`, and today's images beside those of training.
"""

from patchsieve.pictures.drift.page import write_drift_report

__all__ = ["write_drift_report"]
