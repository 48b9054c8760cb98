"""How well outlier scores find the defective images among those that were learnt from.

This judges the search for suspects, not the detection of defects in new images: the two must not be compared.
"""

import numpy as np
from sklearn.metrics import roc_auc_score

from patchsieve.evaluation.metrics.labelled import Floats, Labels, checked, ratio


def precision_at_n(truth: Labels, scores: Floats, n: int | None = None) -> float | None:
    """Return the share of truly defective images among the `n` training images with the highest scores.

    Args:
        truth: 1 or True for images that are truly defective, `[N]`.
        scores: outlier or anomaly scores `[N]`; equal scores rank in the given order.
        n: how many suspects are looked at; by default as many as there are defective images, where precision
            and recall are the same number.

    Returns:
        The share, or None where `n` is 0.

    Raises:
        ValueError: as `image_metrics`, or `n` is negative or more than there are images.
    """
    defective, scores = checked(truth, scores)
    n = int(defective.sum()) if n is None else n
    if not 0 <= n <= len(scores):
        raise ValueError(f"n = {n} suspects asked of {len(scores)} images")
    worst_first = np.argsort(-scores, kind="stable")[:n]
    return ratio(int(defective[worst_first].sum()), n)


def outlier_auroc(truth: Labels, scores: Floats) -> float | None:
    """Return how well scores rank the truly defective training images above the others.

    Raises:
        ValueError: as `image_metrics`.
    """
    defective, scores = checked(truth, scores)
    return float(roc_auc_score(defective, scores)) if defective.any() and not defective.all() else None
