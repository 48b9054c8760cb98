"""Every number against a definition that is slow and obvious, or worked out by hand."""

import itertools
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from patchsieve.evaluation import image_metrics, rank_images


def auroc_by_pairs(truth, scores) -> float:
    """Share of (defective, good) pairs in the right order, ties half: the definition."""
    truth, scores = np.asarray(truth, bool), np.asarray(scores)
    wins = [float(d > g) + 0.5 * float(d == g) for d, g in itertools.product(scores[truth], scores[~truth])]
    return sum(wins) / len(wins)


def f1_at(truth, scores, threshold) -> float:
    alarm = np.asarray(scores, np.float64) > threshold
    truth = np.asarray(truth, bool)
    return 2 * np.sum(alarm & truth) / (np.sum(alarm) + np.sum(truth))


def youden_at(truth, scores, threshold) -> float:
    alarm = np.asarray(scores, np.float64) > threshold
    return np.mean(alarm[truth]) - np.mean(alarm[~truth])


def test_confusion_worked_out_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    scores = np.array([1.0, 2.0, 5.0, 2.0, 4.0, 6.0, 7.0], np.float32)
    metrics = image_metrics(labels, scores, threshold=4.0)
    # Above 4: scores 5 (good), 6 and 7 (defective). A score equal to the threshold passes.
    assert (metrics.true_positives, metrics.false_positives) == (2, 1)
    assert (metrics.true_negatives, metrics.false_negatives) == (2, 2)
    assert (metrics.good, metrics.defective) == (3, 4)
    assert metrics.precision == pytest.approx(2 / 3)
    assert metrics.recall == pytest.approx(1 / 2)
    assert metrics.false_alarm_rate == pytest.approx(1 / 3)
    assert metrics.specificity == pytest.approx(2 / 3)
    assert metrics.accuracy == pytest.approx(4 / 7)
    assert metrics.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert metrics.f1 == pytest.approx(2 * 2 / (3 + 4))
    assert metrics.youden == pytest.approx(1 / 2 + 2 / 3 - 1)
    assert metrics.mcc == pytest.approx((2 * 2 - 1 * 2) / np.sqrt(3 * 4 * 3 * 4))
    # Pairs won of 12: the good 1 loses to all 4; the good 2 ties once and loses 3; the good 5 loses to 2.
    assert metrics.auroc == pytest.approx((4 + 3.5 + 2) / 12)
    # Best F1: flag everything above 1, i.e. 4 hits and 2 false alarms.
    assert metrics.f1_max == pytest.approx(2 * 4 / (6 + 4))
    assert metrics.f1_max_threshold == pytest.approx(1.5)
    # Above 5: 2 of 4 hits, no false alarm. Above 2 it is 3/4 - 1/3, above 1 it is 4/4 - 2/3.
    assert metrics.youden_max == pytest.approx(1 / 2)
    assert metrics.youden_max_threshold == pytest.approx(5.5)
    # One false alarm of three good images is more than 5 %.
    assert metrics.recall_at_5_percent == metrics.recall_at_1_percent == pytest.approx(1 / 2)
    assert metrics.undefined == {}


def test_average_precision_is_the_mean_precision_at_each_hit() -> None:
    labels = np.array([1, 0, 1, 0, 0])
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    assert image_metrics(labels, scores, 0.0).average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)


scored = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=30).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


@given(rows=scored, threshold=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_image_metrics_agree_with_their_definitions(rows, threshold) -> None:
    labels = np.array([label for label, _ in rows])
    scores = np.array([score for _, score in rows], np.float32) * np.float32(0.1)
    metrics = image_metrics(labels, scores, float(np.float32(threshold) * np.float32(0.1)))
    assert metrics.auroc == pytest.approx(auroc_by_pairs(labels, scores))
    candidates = [-1.0, *np.unique(scores).astype(float)]
    assert metrics.f1_max == pytest.approx(max(f1_at(labels, scores, c) for c in candidates))
    assert f1_at(labels, scores, metrics.f1_max_threshold) == pytest.approx(metrics.f1_max)
    assert metrics.youden_max == pytest.approx(max(youden_at(labels, scores, c) for c in candidates))
    assert youden_at(labels, scores, metrics.youden_max_threshold) == pytest.approx(metrics.youden_max)
    for found, limit in ((metrics.recall_at_1_percent, 0.01), (metrics.recall_at_5_percent, 0.05)):
        allowed = [c for c in candidates if np.mean(scores[~labels] > c) <= limit]
        assert found == pytest.approx(max(np.mean(scores[labels] > c) for c in allowed))
    assert metrics.good + metrics.defective == len(rows)
    assert metrics.recall == pytest.approx(metrics.true_positives / labels.sum())


def test_the_f1_threshold_separates_neighbouring_float32_scores() -> None:
    low = np.float32(1.0)
    scores = np.array([low, np.nextafter(low, np.float32(2.0))], np.float32)
    metrics = image_metrics(np.array([0, 1]), scores, 0.0)
    assert metrics.f1_max == 1.0
    assert (scores > metrics.f1_max_threshold).tolist() == [False, True]


@pytest.mark.parametrize(("label", "word"), [(0, "defective"), (1, "good")])
def test_one_class_leaves_rankings_undefined_with_a_reason(label, word) -> None:
    metrics = image_metrics(np.full(3, label), np.array([1.0, 2.0, 3.0]), 2.5)
    assert metrics.auroc is None
    assert metrics.average_precision is None
    assert metrics.f1_max is None
    assert f"no {word} image" in metrics.undefined["auroc"]
    assert metrics.true_positives + metrics.false_positives == 1


def test_precision_without_an_alarm_is_undefined_and_says_so() -> None:
    metrics = image_metrics(np.array([0, 1]), np.array([1.0, 2.0]), 9.0)
    assert metrics.precision is None
    assert metrics.undefined == {
        "precision": "no image is above the threshold",
        "mcc": "all images are on one side of the threshold",
    }
    assert (metrics.recall, metrics.f1, metrics.specificity, metrics.youden) == (0.0, 0.0, 1.0, 0.0)


def test_no_images_at_all_is_no_crash_and_no_number() -> None:
    metrics = image_metrics(np.empty(0, int), np.empty(0), 1.0)
    assert metrics.auroc is None
    assert metrics.undefined["recall"] == "there is no defective and no good image"
    counts = {"threshold", "true_positives", "false_positives", "true_negatives", "false_negatives"}
    assert set(metrics.undefined) == set(asdict(metrics)) - counts


@pytest.mark.parametrize(
    ("labels", "scores", "says"),
    [
        ([0, 1], [1.0], "one length"),
        ([0, 2], [1.0, 2.0], "0 .good. or 1"),
        ([0, 1], [1.0, np.nan], "finite"),
    ],
)
def test_impossible_input_is_refused(labels, scores, says) -> None:
    with pytest.raises(ValueError, match=says):
        image_metrics(np.array(labels), np.array(scores), 0.5)


@given(
    rows=st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=12),
    threshold=st.integers(-1, 3),
)
@settings(max_examples=80, deadline=None)
def test_what_depends_on_the_threshold_agrees_with_its_definition_or_is_none(rows, threshold) -> None:
    labels = np.array([label for label, _ in rows])
    scores = np.array([float(score) for _, score in rows])
    metrics = image_metrics(labels, scores, threshold)
    alarm = scores > threshold
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.divide(np.sum(alarm & labels), labels.sum())
        specificity = np.divide(np.sum(~alarm & ~labels), np.sum(~labels))
        deviations = (alarm - alarm.mean(), labels - labels.mean())
        correlation = np.mean(np.prod(deviations, 0)) / np.sqrt(np.prod([np.mean(d**2) for d in deviations]))
        expected = {
            "recall": recall,
            "specificity": specificity,
            "accuracy": np.mean(alarm == labels),
            "balanced_accuracy": (recall + specificity) / 2,
            "youden": recall + specificity - 1,
            "f1": np.divide(2 * np.sum(alarm & labels), alarm.sum() + labels.sum()),
            "mcc": correlation,
        }
    for name, value in expected.items():
        ours = getattr(metrics, name)
        assert ours == (None if np.isnan(value) else pytest.approx(value, abs=1e-12)), name
        assert (name in metrics.undefined) == (ours is None)
    assert not any(isinstance(value, float) and np.isnan(value) for value in asdict(metrics).values())


def test_recall_at_few_false_alarms_counts_an_alarm_in_a_hundred_and_not_in_99() -> None:
    # One good image scores 9; the defective ones score 10 and 8.
    for good, recall in ((100, 1.0), (99, 0.5)):
        scores = np.array([9.0, *np.zeros(good - 1), 10.0, 8.0])
        labels = np.array([False] * good + [True] * 2)
        assert rank_images(labels, scores).recall_at_1_percent == recall
    assert rank_images(labels, scores).recall_at_5_percent == 1.0


def test_recall_at_few_false_alarms_takes_equal_scores_all_or_none() -> None:
    ranking = rank_images(np.array([0, 0, 1, 1, 1]), np.array([1.0, 2.0, 2.0, 2.0, 3.0]))
    assert ranking.recall_at_1_percent == pytest.approx(1 / 3)
    assert rank_images(np.array([0, 1]), np.array([2.0, 2.0])).recall_at_1_percent == 0.0


def test_scores_that_are_worse_than_nothing_have_their_best_threshold_above_all() -> None:
    ranking = rank_images(np.array([1, 0]), np.array([1.0, 2.0]))
    assert (ranking.youden_max, ranking.youden_max_threshold) == (0.0, 2.0)


def test_the_highest_of_several_best_thresholds_is_named() -> None:
    # F1 is 2/3 above 2 (1 hit, no false alarm) and above 0 (2 hits, 2 false alarms).
    ranking = rank_images(np.array([1, 0, 0, 1]), np.array([3.0, 2.0, 2.0, 1.0]))
    assert ranking.f1_max == pytest.approx(2 / 3)
    assert ranking.f1_max_threshold == 2.5


def test_the_classification_report_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.random(50) < 0.3, rng.normal(size=50)
    theirs = classification_report(labels, scores > 0.5, target_names=["good", "defective"], output_dict=True)
    for name, ours in image_metrics(labels, scores, 0.5).classes.items():
        figures = {"precision": ours.precision, "recall": ours.recall, "f1-score": ours.f1}
        assert figures | {"support": ours.support} == pytest.approx(theirs[name])


def test_a_class_without_images_that_none_is_called_has_no_figures() -> None:
    classes = image_metrics(np.zeros(3, int), np.arange(3.0), 5.0).classes
    assert asdict(classes["defective"]) == {"precision": None, "recall": None, "f1": None, "support": 0}
    assert asdict(classes["good"]) == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 3}
