"""Every number against a definition that is slow and obvious, or worked out by hand."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from patchsieve.evaluation import image_metrics, outlier_auroc, pixel_auroc, precision_at_n


def auroc_by_pairs(truth, scores) -> float:
    """Share of (defective, good) pairs in the right order, ties half: the definition."""
    truth, scores = np.asarray(truth, bool), np.asarray(scores)
    wins = [float(d > g) + 0.5 * float(d == g) for d, g in itertools.product(scores[truth], scores[~truth])]
    return sum(wins) / len(wins)


def f1_at(truth, scores, threshold) -> float:
    alarm = np.asarray(scores, np.float64) > threshold
    truth = np.asarray(truth, bool)
    return 2 * np.sum(alarm & truth) / (np.sum(alarm) + np.sum(truth))


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
    # Pairs won of 12: the good 1 loses to all 4; the good 2 ties once and loses 3; the good 5 loses to 2.
    assert metrics.auroc == pytest.approx((4 + 3.5 + 2) / 12)
    # Best F1: flag everything above 1, i.e. 4 hits and 2 false alarms.
    assert metrics.f1_max == pytest.approx(2 * 4 / (6 + 4))
    assert metrics.f1_max_threshold == pytest.approx(1.5)
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
    assert metrics.undefined == {"precision": "no image is above the threshold"}


def test_no_images_at_all_is_no_crash_and_no_number() -> None:
    metrics = image_metrics(np.empty(0, int), np.empty(0), 1.0)
    assert metrics.auroc is None
    assert metrics.undefined["recall"] == "there is no defective and no good image"


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


def _maps_and_masks(seed: int, images: int = 5, levels: int | None = None):
    rng = np.random.default_rng(seed)
    shapes = [(int(rng.integers(3, 12)), int(rng.integers(3, 12))) for _ in range(images)]
    maps = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    if levels:
        maps = [np.round(m * levels).astype(np.float32) / np.float32(levels) for m in maps]
    return maps, [rng.random(shape) < 0.2 for shape in shapes]


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("seed", range(4))
def test_pixel_auroc_equals_sklearn_on_all_pixels_and_the_pairwise_definition(seed, levels) -> None:
    maps, masks = _maps_and_masks(seed, levels=levels)
    truth = np.concatenate([m.ravel() for m in masks])
    scores = np.concatenate([m.ravel() for m in maps])
    assert pixel_auroc(maps, masks) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert pixel_auroc(maps, masks) == pytest.approx(auroc_by_pairs(truth, scores), abs=1e-12)


def test_pixel_auroc_is_exact_where_float32_scores_nearly_touch() -> None:
    one = np.float32(1.0)
    maps = np.array([[[one, np.nextafter(one, np.float32(2.0))]]])
    assert pixel_auroc(maps, np.array([[[False, True]]])) == 1.0
    assert pixel_auroc(maps, np.array([[[True, False]]])) == 0.0


def test_pixel_auroc_without_defective_or_without_good_pixels_is_undefined() -> None:
    maps = np.zeros((2, 3, 3), np.float32)
    assert pixel_auroc(maps, np.zeros((2, 3, 3), bool)) is None
    assert pixel_auroc(maps, np.ones((2, 3, 3), bool)) is None
    assert pixel_auroc([], []) is None


def test_pixel_auroc_reads_lazily_and_keeps_only_the_defective_pixels() -> None:
    class Lazy(list):
        def __getitem__(self, index):
            return np.random.default_rng(index).random((512, 512), np.float32)

    class LazyMasks(list):
        def __getitem__(self, index):
            mask = np.zeros((512, 512), bool)
            mask[:8, :8] = True
            return mask

    tracemalloc.start()
    value = pixel_auroc(Lazy(range(40)), LazyMasks(range(40)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert value == pytest.approx(0.5, abs=0.05)
    # All maps together are 42 MB; one map with its sorting and ranking is under 10 MB.
    assert peak < 12e6


@pytest.mark.parametrize(
    ("maps", "masks", "says"),
    [
        ([np.zeros((2, 2))], [], "1 maps but 0 masks"),
        ([np.zeros((2, 2))], [np.zeros((2, 3), bool)], "map 0 is"),
        ([np.zeros((2, 2))], [np.zeros((2, 2), np.uint8)], "must be bool"),
        ([np.full((2, 2), np.nan)], [np.zeros((2, 2), bool)], "not finite"),
    ],
)
def test_pixel_auroc_refuses_what_does_not_fit(maps, masks, says) -> None:
    with pytest.raises(ValueError, match=says):
        pixel_auroc(maps, masks)


def test_precision_at_n_worked_out_by_hand() -> None:
    truth = np.array([1, 0, 1, 0, 1])
    scores = np.array([9.0, 8.0, 7.0, 6.0, 5.0])
    assert precision_at_n(truth, scores) == pytest.approx(2 / 3)
    assert precision_at_n(truth, scores, 1) == 1.0
    assert precision_at_n(truth, scores, 5) == pytest.approx(3 / 5)
    assert precision_at_n(np.zeros(2, int), np.arange(2.0)) is None
    with pytest.raises(ValueError, match="6 suspects asked of 5 images"):
        precision_at_n(truth, scores, 6)


def test_outlier_auroc_is_the_share_of_pairs_in_order() -> None:
    truth, scores = np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 3.0, 3.0])
    assert outlier_auroc(truth, scores) == pytest.approx(auroc_by_pairs(truth, scores))
    assert outlier_auroc(np.zeros(2, int), np.arange(2.0)) is None
