"""Metrics of detection, of localisation, and of the search for defective training images.

An image is called a defect when its score is *above* the threshold. A quantity that the data does not define
(an AUROC with one class only, a precision without an alarm) is None and never a default number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer] | npt.NDArray[np.bool_]
Mask = npt.NDArray[np.bool_]

_RANKING = ("auroc", "average_precision", "f1_max", "f1_max_threshold")
_RATES = ("precision", "recall", "false_alarm_rate")


@dataclass(frozen=True, slots=True)
class ImageMetrics:
    """How well scores tell defective images from good ones.

    Attributes:
        threshold: the operating point that the counts below are taken at.
        true_positives: defective images above the threshold.
        false_positives: good images above the threshold, i.e. false alarms.
        true_negatives: good images that pass.
        false_negatives: defective images that pass, i.e. misses.
        auroc: area under the ROC curve; does not depend on the threshold.
        average_precision: area under the precision-recall curve, as a step function.
        f1_max: the best F1 that any threshold reaches on these very labels: an upper bound, not a forecast.
        f1_max_threshold: a threshold that reaches it, half-way between two neighbouring scores.
        precision: share of the alarms that are right.
        recall: share of the defective images that are found.
        false_alarm_rate: share of the good images that raise an alarm.
    """

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    auroc: float | None
    average_precision: float | None
    f1_max: float | None
    f1_max_threshold: float | None
    precision: float | None
    recall: float | None
    false_alarm_rate: float | None

    @property
    def good(self) -> int:
        """Number of good images."""
        return self.true_negatives + self.false_positives

    @property
    def defective(self) -> int:
        """Number of defective images."""
        return self.true_positives + self.false_negatives

    @property
    def undefined(self) -> dict[str, str]:
        """For every quantity that is None, the reason in words."""
        missing = [name for name, count in (("defective", self.defective), ("good", self.good)) if not count]
        reasons = dict.fromkeys(_RANKING + _RATES, f"there is no {' and no '.join(missing)} image")
        reasons["precision"] = "no image is above the threshold"
        return {name: reason for name, reason in reasons.items() if getattr(self, name) is None}


def image_metrics(labels: Labels, scores: Floats, threshold: float) -> ImageMetrics:
    """Judge anomaly scores by labels.

    Args:
        labels: 0 or False for good, 1 or True for defective, `[N]`.
        scores: anomaly scores `[N]`, high is anomalous.
        threshold: the stored operating point; a score above it is an alarm.

    Raises:
        ValueError: lengths differ, a label is neither 0 nor 1, or a score is not finite.
    """
    truth, scores = _checked(labels, scores)
    alarm = scores > threshold
    hits, false_alarms = int(np.sum(alarm & truth)), int(np.sum(alarm & ~truth))
    defective, good = int(truth.sum()), int((~truth).sum())
    both = bool(defective and good)
    f1, f1_threshold = _best_f1(truth, scores) if both else (None, None)
    return ImageMetrics(
        threshold=float(threshold),
        true_positives=hits,
        false_positives=false_alarms,
        true_negatives=good - false_alarms,
        false_negatives=defective - hits,
        auroc=float(roc_auc_score(truth, scores)) if both else None,
        average_precision=float(average_precision_score(truth, scores)) if both else None,
        f1_max=f1,
        f1_max_threshold=f1_threshold,
        precision=_ratio(hits, hits + false_alarms),
        recall=_ratio(hits, defective),
        false_alarm_rate=_ratio(false_alarms, good),
    )


def pixel_auroc(maps: Sequence[Floats], masks: Sequence[Mask]) -> float | None:
    """Return the exact area under the ROC curve over all pixels of all images.

    It is the probability that a defective pixel scores higher than a good one, ties counting half, and it is
    counted, not estimated: the scores of the defective pixels are gathered and sorted, then each image's good
    pixels are ranked among them in integer arithmetic. `maps` and `masks` are therefore read twice, one pair
    at a time, and may be lazy; the memory needed beside one pair is one float per *defective* pixel.

    Args:
        maps: N anomaly maps `[h, w]`, or an array `[N, h, w]`; shapes may differ between images.
        masks: N ground-truth masks, True on defective pixels, each of the shape of its map.

    Returns:
        The area, or None where the pixels are all good or all defective.

    Raises:
        ValueError: numbers or shapes differ, a mask is not bool, or a map holds a value that is not finite.
    """
    if len(maps) != len(masks):
        raise ValueError(f"{len(maps)} maps but {len(masks)} masks")
    defective = np.sort(np.concatenate([np.empty(0, np.float32), *(m[t] for m, t in _pairs(maps, masks))]))
    good_pixels, twice_wins = 0, 0
    for anomaly_map, mask in _pairs(maps, masks):
        good = np.sort(anomaly_map[~mask])
        below = np.searchsorted(defective, good, side="left")
        not_above = np.searchsorted(defective, good, side="right")
        good_pixels += good.size
        # Python integers: the number of pixel pairs passes 2**63 for a few thousand large images.
        twice_wins += 2 * defective.size * good.size - int(below.sum()) - int(not_above.sum())
    if not defective.size or not good_pixels:
        return None
    return twice_wins / (2 * defective.size * good_pixels)


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
    defective, scores = _checked(truth, scores)
    n = int(defective.sum()) if n is None else n
    if not 0 <= n <= len(scores):
        raise ValueError(f"n = {n} suspects asked of {len(scores)} images")
    worst_first = np.argsort(-scores, kind="stable")[:n]
    return _ratio(int(defective[worst_first].sum()), n)


def outlier_auroc(truth: Labels, scores: Floats) -> float | None:
    """Return how well scores rank the truly defective training images above the others.

    The images are those that were learnt from: this judges the search for suspects, not the detection of
    defects in new images, and the two must not be compared.

    Raises:
        ValueError: as `image_metrics`.
    """
    defective, scores = _checked(truth, scores)
    return float(roc_auc_score(defective, scores)) if defective.any() and not defective.all() else None


def _checked(labels: Labels, scores: Floats) -> tuple[Mask, Floats]:
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must be vectors of one length")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 (good) or 1 (defective)")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    # Widened once, so that a threshold half-way between two float32 scores exists.
    return labels.astype(np.bool_), scores.astype(np.float64)


def _best_f1(truth: Mask, scores: Floats) -> tuple[float, float]:
    precision, recall, _ = precision_recall_curve(truth, scores, drop_intermediate=False)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)[:-1]
    best = int(np.argmax(f1))
    levels = np.unique(scores)
    threshold = (levels[best - 1] + levels[best]) / 2 if best else np.nextafter(levels[0], -np.inf)
    return float(f1[best]), float(threshold)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _pairs(maps: Sequence[Floats], masks: Sequence[Mask]) -> Iterator[tuple[Floats, Mask]]:
    for index in range(len(maps)):
        anomaly_map, mask = np.asarray(maps[index]), np.asarray(masks[index])
        if anomaly_map.shape != mask.shape:
            raise ValueError(f"map {index} is {anomaly_map.shape} but its mask is {mask.shape}")
        if mask.dtype != np.bool_:
            raise ValueError(f"mask {index} is {mask.dtype}; it must be bool")
        if not np.isfinite(anomaly_map).all():
            raise ValueError(f"map {index} holds a value that is not finite")
        yield anomaly_map, mask
