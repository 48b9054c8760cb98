"""Decisions: from scores to a threshold.

In: anomaly scores float `[N]` of images that the scoring model has not seen. Out: a threshold on the same
scale; an image above it is called defective.
"""

from patchsieve.decisions.thresholds import robust_threshold

__all__ = ["robust_threshold"]
