"""How well anomaly scores tell defective images from good ones, at any threshold and at one."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from patchsieve.evaluation.metrics.labelled import Floats, Labels, Mask, checked, ratio

Scores = npt.NDArray[np.float64]

# What becomes of the images at one threshold as shares, and as measures that are made of them: attributes of
# `ImageMetrics`, in the order of tables.
AT_THE_THRESHOLD = (
    "precision",
    "recall",
    "specificity",
    "false_alarm_rate",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "mcc",
    "youden",
)


@dataclass(frozen=True, slots=True)
class Ranking:
    """What scores are worth at whatever threshold; None all through where one of the two classes has no image.

    Attributes:
        auroc: area under the ROC curve.
        average_precision: area under the precision-recall curve, as a step function.
        f1_max: the best F1 that any threshold reaches on these very labels: an upper bound, not a forecast.
        f1_max_threshold: the highest threshold that reaches it, half-way between two neighbouring scores.
        youden_max: the best Youden's J (recall + specificity - 1) of any threshold; with hindsight like `f1_max`.
        youden_max_threshold: the highest threshold that reaches it; the highest score where calling all images
            good is as good as anything.
        recall_at_1_percent: the highest recall among the thresholds whose false alarm rate on these images is
            at most 1 %; with fewer than 100 good images the one without any false alarm.
        recall_at_5_percent: the same for 5 %; without any false alarm with fewer than 20 good images.
    """

    auroc: float | None
    average_precision: float | None
    f1_max: float | None
    f1_max_threshold: float | None
    youden_max: float | None
    youden_max_threshold: float | None
    recall_at_1_percent: float | None
    recall_at_5_percent: float | None


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """One class of a classification report.

    Attributes:
        precision: share of the images called so that are so.
        recall: share of the images that are so that are called so.
        f1: harmonic mean of both, as 2 hits / (called so + being so).
        support: number of images that are so.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True)
class ImageMetrics(Ranking):
    """A ranking, and what becomes of the images at one threshold.

    Attributes:
        threshold: the operating point that all below is taken at.
        true_positives: defective images above the threshold.
        false_positives: good images above the threshold, i.e. false alarms.
        true_negatives: good images that pass.
        false_negatives: defective images that pass, i.e. misses.
        precision: share of the alarms that are right.
        recall: share of the defective images that are found.
        specificity: share of the good images that pass.
        false_alarm_rate: share of the good images that raise an alarm.
        accuracy: share of the images that are called what they are.
        balanced_accuracy: mean of recall and specificity.
        f1: harmonic mean of precision and recall, 0 where defective images are there and none is found.
        mcc: Matthews' correlation coefficient of verdict and label, -1 to 1.
        youden: Youden's J, recall + specificity - 1, -1 to 1.
    """

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    precision: float | None
    recall: float | None
    specificity: float | None
    false_alarm_rate: float | None
    accuracy: float | None
    balanced_accuracy: float | None
    f1: float | None
    mcc: float | None
    youden: float | None

    @property
    def good(self) -> int:
        """Number of good images."""
        return self.true_negatives + self.false_positives

    @property
    def defective(self) -> int:
        """Number of defective images."""
        return self.true_positives + self.false_negatives

    @property
    def classes(self) -> dict[str, ClassMetrics]:
        """The classification report: precision, recall, F1 and support of "good" and of "defective"."""
        return {
            "good": _class_metrics(self.true_negatives, self.false_negatives, self.false_positives),
            "defective": _class_metrics(self.true_positives, self.false_positives, self.false_negatives),
        }

    @property
    def undefined(self) -> dict[str, str]:
        """For every quantity that is None, the reason in words."""
        missing = [name for name, count in (("defective", self.defective), ("good", self.good)) if not count]
        other_reasons = {
            "precision": "no image is above the threshold",
            "f1": "no image is defective or above the threshold",
        }
        if not missing:
            other_reasons["mcc"] = "all images are on one side of the threshold"
        a_class = f"there is no {' and no '.join(missing)} image"
        return {
            name: other_reasons.get(name, a_class) for name, value in asdict(self).items() if value is None
        }


def rank_images(labels: Labels, scores: Floats) -> Ranking:
    """Judge anomaly scores by labels, without a threshold.

    Args:
        labels: 0 or False for good, 1 or True for defective, `[N]`.
        scores: anomaly scores `[N]`, high is anomalous.

    Raises:
        ValueError: lengths differ, a label is neither 0 nor 1, or a score is not finite.
    """
    truth, scores = checked(labels, scores)
    if truth.all() or not truth.any():
        return Ranking(*[None] * 8)
    false_alarms, recall, _ = roc_curve(truth, scores, drop_intermediate=False)
    f1, f1_threshold = _best_f1(truth, scores)
    youden, youden_threshold = _best_youden(recall - false_alarms, scores)
    return Ranking(
        auroc=float(roc_auc_score(truth, scores)),
        average_precision=float(average_precision_score(truth, scores)),
        f1_max=f1,
        f1_max_threshold=f1_threshold,
        youden_max=youden,
        youden_max_threshold=youden_threshold,
        recall_at_1_percent=float(recall[false_alarms <= 0.01].max()),
        recall_at_5_percent=float(recall[false_alarms <= 0.05].max()),
    )


def image_metrics(labels: Labels, scores: Floats, threshold: float) -> ImageMetrics:
    """Judge anomaly scores by labels.

    Args:
        labels: 0 or False for good, 1 or True for defective, `[N]`.
        scores: anomaly scores `[N]`, high is anomalous.
        threshold: the stored operating point; a score above it is an alarm.

    Raises:
        ValueError: lengths differ, a label is neither 0 nor 1, or a score is not finite.
    """
    ranking = rank_images(labels, scores)
    truth, scores = checked(labels, scores)
    alarm = scores > threshold
    hits, false_alarms = int(np.sum(alarm & truth)), int(np.sum(alarm & ~truth))
    defective, good = int(truth.sum()), int((~truth).sum())
    both = bool(defective and good)
    divided = bool(alarm.any() and not alarm.all())
    return ImageMetrics(
        **asdict(ranking),
        threshold=float(threshold),
        true_positives=hits,
        false_positives=false_alarms,
        true_negatives=good - false_alarms,
        false_negatives=defective - hits,
        precision=ratio(hits, hits + false_alarms),
        recall=ratio(hits, defective),
        specificity=ratio(good - false_alarms, good),
        false_alarm_rate=ratio(false_alarms, good),
        accuracy=float(accuracy_score(truth, alarm)) if len(truth) else None,
        balanced_accuracy=float(balanced_accuracy_score(truth, alarm)) if both else None,
        f1=float(f1_score(truth, alarm)) if defective or false_alarms else None,
        # scikit-learn gives 0 where a side is empty, which would read as "no better than chance".
        mcc=float(matthews_corrcoef(truth, alarm)) if both and divided else None,
        youden=float(balanced_accuracy_score(truth, alarm, adjusted=True)) if both else None,
    )


def _best_f1(truth: Mask, scores: Scores) -> tuple[float, float]:
    precision, recall, _ = precision_recall_curve(truth, scores, drop_intermediate=False)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)[:-1]
    # The curve runs from the lowest score to the highest.
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    return float(f1[best]), _just_below(np.unique(scores), best)


def _best_youden(differences: Scores, scores: Scores) -> tuple[float, float]:
    """Find the best of `differences`: of calling nothing, then of everything from each score up, highest first."""
    levels = np.unique(scores)
    best = int(np.argmax(differences))
    threshold = _just_below(levels, len(levels) - best) if best else float(levels[-1])
    return float(differences[best]), threshold


def _just_below(levels: Scores, index: int) -> float:
    """Return a threshold that `levels[index]` is above and the next lower level is not."""
    if index:
        return float((levels[index - 1] + levels[index]) / 2)
    return float(np.nextafter(levels[0], -np.inf))


def _class_metrics(hits: int, wrongly: int, missed: int) -> ClassMetrics:
    return ClassMetrics(
        precision=ratio(hits, hits + wrongly),
        recall=ratio(hits, hits + missed),
        f1=ratio(2 * hits, 2 * hits + wrongly + missed),
        support=hits + missed,
    )
