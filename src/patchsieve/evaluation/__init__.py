"""How good a detector is, against labels and masks that it never saw.

In come labels (0 good, 1 defective) `[N]`, anomaly scores float32 `[N]`, anomaly maps float32 `[h, w]` and
bool masks of the same shape; out come plain numbers, None where the data does not define them, never NaN.
"""

from patchsieve.evaluation.evaluate import Evaluation, evaluate
from patchsieve.evaluation.metrics import (
    ClassMetrics,
    ImageMetrics,
    PixelMetrics,
    Ranking,
    image_metrics,
    outlier_auroc,
    pixel_auroc,
    pixel_metrics,
    precision_at_n,
    rank_images,
)
from patchsieve.evaluation.pixel_threshold import (
    Outlining,
    best_f1_threshold,
    false_positive_threshold,
    outlining,
)

__all__ = [
    "ClassMetrics",
    "Evaluation",
    "ImageMetrics",
    "Outlining",
    "PixelMetrics",
    "Ranking",
    "best_f1_threshold",
    "evaluate",
    "false_positive_threshold",
    "image_metrics",
    "outlier_auroc",
    "outlining",
    "pixel_auroc",
    "pixel_metrics",
    "precision_at_n",
    "rank_images",
]
