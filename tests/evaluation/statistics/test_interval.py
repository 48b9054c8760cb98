"""The interval against DeLong's variance written out, and against what it promises."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from patchsieve.evaluation.statistics import auroc_interval


def two_classes(rng, separation, defective, good):
    labels = np.arange(defective + good) < defective
    return labels, rng.normal(size=defective + good) + separation * labels


def delong_error(labels, scores) -> float:
    """Standard error of an AUROC from the matrix of all pairs."""
    wins = np.sign(scores[labels][:, None] - scores[~labels][None, :]) / 2 + 0.5
    return float(np.sqrt(sum(wins.mean(axis).var(ddof=1) / wins.shape[1 - axis] for axis in (0, 1))))


def test_large_samples_give_the_interval_of_delong() -> None:
    labels, scores = two_classes(np.random.default_rng(0), 1.0, 300, 400)
    found = auroc_interval(labels, scores, level=0.9)
    error = delong_error(labels, scores)
    assert found.value == pytest.approx(roc_auc_score(labels, scores))
    assert found.low == pytest.approx(found.value - 1.645 * error, abs=0.15 * error)
    assert found.high == pytest.approx(found.value + 1.645 * error, abs=0.15 * error)
    assert found.level == 0.9
    assert "BCa" in found.method


@pytest.mark.parametrize(("separation", "defective", "good"), [(0.8, 15, 25), (2.0, 20, 40)])
def test_it_covers_the_truth_about_as_often_as_it_says(separation, defective, good) -> None:
    # Two normals this far apart: P(defective > good) in closed form.
    truth = stats.norm.cdf(separation / np.sqrt(2))
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        labels, scores = two_classes(rng, separation, defective, good)
        found = auroc_interval(labels, scores, level=0.9, resamples=300)
        covered += found.low <= truth <= found.high
    # 180 are expected, give or take 4.2; small samples cost a little.
    assert 168 <= covered <= 193


def test_it_is_seeded_and_keeps_order_only() -> None:
    labels, scores = two_classes(np.random.default_rng(2), 1.0, 12, 20)
    found = auroc_interval(labels, scores, seed=5)
    assert found == auroc_interval(labels, np.exp(scores), seed=5)
    assert found != auroc_interval(labels, scores, seed=6)
    mirrored = auroc_interval(labels, -scores, seed=5)
    assert mirrored.low == pytest.approx(1 - found.high, abs=0.02)


def test_a_perfect_ranking_is_not_said_to_be_certain() -> None:
    labels = np.arange(30) < 10
    found = auroc_interval(labels, labels.astype(float))
    # Ten pairs without a common image, all in order: p**10 = 0.025.
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low**10 == pytest.approx(0.025)
    assert "10 pairs" in found.method
    worst = auroc_interval(labels, -labels.astype(float))
    assert (worst.value, worst.low, worst.high) == (0.0, 0.0, pytest.approx(1 - found.low))


def test_too_little_data_gives_no_interval() -> None:
    assert auroc_interval(np.array([0, 0, 0, 1]), np.arange(4.0)) is None
    assert auroc_interval(np.zeros(4, int), np.arange(4.0)) is None
    assert auroc_interval(np.array([0, 0, 1, 1]), np.ones(4)) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        auroc_interval(np.array([0, 1]), np.arange(2.0), level=95)
