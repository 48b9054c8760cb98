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
    found, *by_category = auroc_certainty(results)
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
    assert [one.category for one in by_category] == [("data", "a"), ("data", "b")]
    assert [one.intervals["s"] for one in by_category] == [(one.low, one.high) for one in alone]
    assert not any(one.comparisons for one in by_category)


def test_many_categories_are_the_units_of_the_test() -> None:
    results = [
        result_of(name, place, shift) for place in "abcdefg" for name, shift in (("s", 1.5), ("w", 0.9))
    ]
    found, *_ = auroc_certainty(results)
    figures = {
        name: [one.metrics["image_auroc"] for one in results[start::2]] for start, name in enumerate("sw")
    }
    assert found.comparisons[0].p == pytest.approx(stats.wilcoxon(figures["s"], figures["w"]).pvalue)
    assert "7 categories" in found.test


def test_only_the_first_seed_counts() -> None:
    first = [result_of("s", "a", 1.5), result_of("w", "a", 0.5)]
    assert auroc_certainty([result_of("s", "a", 1.5, seed=1), *first]) == auroc_certainty(first)


def test_a_system_that_lacks_a_category_has_no_average_to_be_sure_of() -> None:
    whole = [result_of(name, place, shift) for name, shift in (("s", 1.5), ("t", 1.2)) for place in "ab"]
    failed = CellResult(result_of("w", "b", 0.5).cell, failure="no")
    found, first, second = auroc_certainty([*whole, result_of("w", "a", 0.5), failed])
    assert found == auroc_certainty(whole)[0]
    assert (sorted(first.intervals), sorted(second.intervals)) == (["s", "t", "w"], ["s", "t"])


def test_what_cannot_be_compared_has_no_figure() -> None:
    one, other = result_of("s", "a", 1.0), result_of("w", "a", 0.5, images=40)
    (found,) = auroc_certainty([one, other])
    assert found.comparisons[0][2:] == (None, None)
    single = CellResult(one.cell, names=("x",), labels=np.array([True]), scores=np.ones(1, np.float32))
    (found,) = auroc_certainty([single])
    assert (found.intervals, found.comparisons) == ({}, ())
    assert auroc_certainty([]) == []
