"""Intervals and tests of a bench, against what they are made of."""

import numpy as np
import pytest
from scipy import stats

from patchsieve.evaluation.bench import Cell, CellResult, Condition, System, auroc_certainty
from patchsieve.evaluation.statistics import auroc_interval, compare_aurocs


def result_of(system: str, category: str, shift: float, seed: int = 0, images: int = 60) -> CellResult:
    """Scores of images whose defective half is `shift` higher; the images are the same for all systems."""
    rng = np.random.default_rng(sum(map(ord, category)))
    labels = np.arange(images) % 2 == 1
    common = rng.normal(size=images)
    own = np.random.default_rng([seed, len(system), int(100 * shift)]).normal(size=images)
    scores = (common + 0.5 * own + shift * labels).astype(np.float32)
    order = np.argsort(scores)
    ranks = np.empty(images)
    ranks[order] = np.arange(images)
    beaten = ranks[labels].sum() - labels.sum() * (labels.sum() - 1) / 2
    auroc = beaten / (labels.sum() * (~labels).sum())
    return CellResult(
        Cell("data", category, System(system, "padim"), Condition(0.1, "same", seed)),
        {"image_auroc": float(auroc)},
        names=tuple(f"{category}{index}" for index in range(images)),
        labels=labels,
        scores=scores,
    )


def test_one_category_has_the_interval_and_the_test_of_its_images() -> None:
    strong, weak = result_of("strong", "a", 2.0), result_of("weak", "a", 0.5)
    (found,) = auroc_certainty([strong, weak])
    interval = auroc_interval(strong.labels, strong.scores)
    assert interval is not None
    assert found.intervals["strong"] == pytest.approx((interval.low, interval.high))
    expected = compare_aurocs(strong.labels, strong.scores, weak.scores)
    (pair,) = found.comparisons
    assert pair[:2] == ("strong", "weak")
    assert pair[2:] == pytest.approx((expected.difference, expected.p_value))


def test_a_few_categories_are_averaged_as_independent() -> None:
    results = [result_of(name, place, shift) for place in "ab" for name, shift in (("s", 1.5), ("w", 1.0))]
    (found,) = auroc_certainty(results)
    tests = [compare_aurocs(results[i].labels, results[i].scores, results[i + 1].scores) for i in (0, 2)]
    mean = np.mean([test.difference for test in tests])
    error = np.hypot(*(test.standard_error for test in tests)) / 2
    (pair,) = found.comparisons
    assert pair.difference == pytest.approx(mean)
    assert pair.p == pytest.approx(2 * stats.norm.sf(abs(mean) / error))
    low, high = found.intervals["s"]
    alone = [auroc_interval(results[i].labels, results[i].scores) for i in (0, 2)]
    assert low > min(one.low for one in alone)
    assert low < np.mean([one.value for one in alone]) < high


def test_many_categories_are_the_units_of_the_test() -> None:
    results = [
        result_of(name, place, shift) for place in "abcdefg" for name, shift in (("s", 1.5), ("w", 0.9))
    ]
    (found,) = auroc_certainty(results)
    figures = {
        name: [one.metrics["image_auroc"] for one in results[start::2]] for start, name in enumerate("sw")
    }
    assert found.comparisons[0].p == pytest.approx(stats.wilcoxon(figures["s"], figures["w"]).pvalue)
    assert "7 categories" in found.method


def test_only_the_first_seed_and_what_all_systems_have_counts() -> None:
    results = [
        result_of("s", "a", 1.5, seed=1),
        result_of("s", "a", 1.5, seed=0),
        result_of("w", "a", 0.5, seed=0),
        result_of("s", "only", 1.5),
        CellResult(result_of("w", "only", 0.5).cell, failure="no"),
    ]
    (found,) = auroc_certainty(results)
    (expected,) = auroc_certainty(results[1:3])
    assert found == expected


def test_what_cannot_be_compared_has_no_figure() -> None:
    one, other = result_of("s", "a", 1.0), result_of("w", "a", 0.5, images=40)
    (found,) = auroc_certainty([one, other])
    assert found.comparisons[0][2:] == (None, None)
    single = CellResult(one.cell, names=("x",), labels=np.array([True]), scores=np.ones(1, np.float32))
    (found,) = auroc_certainty([single])
    assert (found.intervals, found.comparisons) == ({}, ())
    assert auroc_certainty([]) == []
