"""Metrics of detection, of localisation, and of the search for defective training images.

In come labels (0 good, 1 defective) `[N]` with anomaly scores `[N]`, or anomaly maps `[h, w]` with bool masks of the
same shape; out come dataclasses of plain numbers. An image is called a defect when its score is *above* the threshold.
A figure that the data does not define (an AUROC with one class only, a precision without an alarm) is None and never
a default number, and `undefined` says why.
"""

from patchsieve.evaluation.metrics.image import (
    AT_THE_THRESHOLD,
    ClassMetrics,
    ImageMetrics,
    Ranking,
    image_metrics,
    rank_images,
)
from patchsieve.evaluation.metrics.pixel import PixelMetrics, pixel_auroc, pixel_metrics
from patchsieve.evaluation.metrics.suspects import outlier_auroc, precision_at_n

__all__ = [
    "AT_THE_THRESHOLD",
    "ClassMetrics",
    "ImageMetrics",
    "PixelMetrics",
    "Ranking",
    "image_metrics",
    "outlier_auroc",
    "pixel_auroc",
    "pixel_metrics",
    "precision_at_n",
    "rank_images",
]
