"""DeLong's test against its equations written out over all pairs, and against resampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from patchsieve.evaluation.statistics import compare_aurocs


def two_detectors(seed, images=60, noise=1.0):
    """Two detectors that see the same difficulty of each image, the second one less clearly."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % 3 == 0
    shared = rng.normal(size=images) + 1.2 * labels
    return labels, shared + 0.3 * rng.normal(size=images), shared + noise * rng.normal(size=images)


def auroc(labels, scores) -> float:
    return float(np.heaviside(np.subtract.outer(scores[labels], scores[~labels]), 0.5).mean())


def by_the_equations(labels, first, second) -> tuple[float, float]:
    """Difference and its standard error from the structural components of all pairs of images."""
    wins = [np.heaviside(np.subtract.outer(s[labels], s[~labels]), 0.5) for s in (first, second)]
    of_defective = np.cov([w.mean(1) for w in wins])
    of_good = np.cov([w.mean(0) for w in wins])
    covariance = of_defective / labels.sum() + of_good / np.sum(~labels)
    contrast = np.array([1, -1])
    return float(contrast @ [w.mean() for w in wins]), float(np.sqrt(contrast @ covariance @ contrast))


@given(seed=st.integers(0, 10_000), levels=st.sampled_from([2, 5, None]))
@settings(max_examples=40, deadline=None)
def test_the_test_is_that_of_the_equations(seed, levels) -> None:
    labels, first, second = two_detectors(seed, images=24)
    if levels:
        first, second = np.round(first * levels) / levels, np.round(second)
    difference, error = by_the_equations(labels, first, second)
    found = compare_aurocs(labels, first, second)
    assert found.first == pytest.approx(roc_auc_score(labels, first))
    assert found.second == pytest.approx(roc_auc_score(labels, second))
    assert found.difference == pytest.approx(difference)
    if error > 1e-9:
        assert found.standard_error == pytest.approx(error)
        assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(difference) / error))
        assert (found.low + found.high) / 2 == pytest.approx(difference)
        assert found.high - found.low == pytest.approx(2 * 1.959964 * error)


def test_the_standard_error_is_that_of_images_drawn_anew() -> None:
    labels, first, second = two_detectors(1, images=120)
    rng = np.random.default_rng(0)
    defective, good = np.flatnonzero(labels), np.flatnonzero(~labels)
    differences = []
    for _ in range(600):
        drawn = np.concatenate((rng.choice(defective, len(defective)), rng.choice(good, len(good))))
        differences.append(auroc(labels[drawn], first[drawn]) - auroc(labels[drawn], second[drawn]))
    assert compare_aurocs(labels, first, second).standard_error == pytest.approx(np.std(differences), rel=0.1)


def test_the_p_value_is_that_of_exchanging_the_detectors_image_by_image() -> None:
    labels, first, second = two_detectors(4, images=150, noise=0.8)
    # Exchanging needs scores on one scale: ranks do not change an AUROC.
    first, second = stats.rankdata(first), stats.rankdata(second)
    observed = abs(auroc(labels, first) - auroc(labels, second))
    rng = np.random.default_rng(0)
    as_large = 0
    for _ in range(1000):
        swap = rng.random(len(labels)) < 0.5
        one, other = np.where(swap, second, first), np.where(swap, first, second)
        as_large += abs(auroc(labels, one) - auroc(labels, other)) >= observed
    found = compare_aurocs(labels, first, second)
    assert 0.01 < found.p_value < 0.6
    assert found.p_value == pytest.approx(as_large / 1000, abs=0.04)


def test_without_a_difference_it_alarms_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    labels = np.arange(80) < 30
    alarms = 0
    for _ in range(400):
        shared = rng.normal(size=80) + labels
        one, other = shared + rng.normal(size=(2, 80))
        alarms += compare_aurocs(labels, one, other).p_value < 0.1
    # 40 are expected, give or take 6.
    assert 22 <= alarms <= 60


def test_exchanging_the_detectors_turns_the_sign_only() -> None:
    labels, first, second = two_detectors(2)
    one, other = compare_aurocs(labels, first, second), compare_aurocs(labels, second, first)
    assert one.difference == -other.difference
    assert one.p_value == other.p_value
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_what_the_images_cannot_say_is_none_with_a_reason() -> None:
    labels, first, _ = two_detectors(0)
    same = compare_aurocs(labels, first, np.exp(first))
    assert same.difference == 0.0
    assert same.p_value is same.standard_error is same.low is None
    assert "place all images alike" in same.undefined
    one_class = compare_aurocs(np.zeros(3, int), np.arange(3.0), np.arange(3.0))
    assert one_class.first is one_class.difference is one_class.p_value is None
    assert one_class.undefined == "all images are of one class"
    single = compare_aurocs(np.array([0, 0, 1]), np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0]))
    assert single.difference == 0.5
    assert "fewer than two images" in single.undefined
    with pytest.raises(ValueError, match="one length"):
        compare_aurocs(labels, first, first[1:])
