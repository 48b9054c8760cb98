import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.evaluation.statistics import compare_cells, compare_systems, holm


def by_all_signs(differences) -> float:
    """Wilcoxon's p-value from every way that the signs could have fallen."""
    size = np.abs(differences)
    ranks = np.array([np.mean([np.sum(size < s) + 1, np.sum(size <= s)]) for s in size])
    centre = ranks.sum() / 2
    observed = abs(ranks[differences > 0].sum() - centre)
    sums = [abs(np.dot(signs, ranks) - centre) for signs in itertools.product((0, 1), repeat=len(ranks))]
    return float(np.mean(np.array(sums) >= observed - 1e-9))


@pytest.mark.parametrize("decimals", [2, 6])
def test_the_p_value_counts_all_signs_even_with_ties_and_equal_pairs(decimals) -> None:
    rng = np.random.default_rng(decimals)
    first, second = np.round(rng.uniform(0.8, 1.0, (2, 10)), decimals)
    first[3] = second[3]
    found = compare_cells([*first.tolist(), None, 0.9], [*second.tolist(), 0.8, None])
    differences = np.round(np.delete(first - second, 3), 12)
    assert found.p_value == pytest.approx(by_all_signs(differences))
    assert found.pairs == 10
    assert found.better == np.sum(differences > 0)
    assert found.worse == np.sum(differences < 0)
    assert found.mean_difference == pytest.approx(np.mean(first - second))
    assert found.median_difference == pytest.approx(np.median(first - second))
    assert found.undefined is None


def test_differences_that_are_equal_but_for_rounding_are_ties() -> None:
    second = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    first = second + np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -0.1])
    assert compare_cells(first.tolist(), second.tolist()).p_value == pytest.approx(
        by_all_signs(np.array([1.0] * 6 + [-1.0]))
    )


def test_six_pairs_are_the_fewest_that_can_say_anything() -> None:
    better, worse = [0.91, 0.92, 0.93, 0.94, 0.95, 0.96], [0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    assert compare_cells(better, worse).p_value == pytest.approx(2 / 2**6)
    few = compare_cells([*better[:5], 0.9], worse)
    assert few.p_value is None
    assert few.undefined == "5 pairs that differ are too few: it takes 6"
    assert (few.pairs, few.better, few.worse) == (6, 5, 0)
    nothing = compare_cells([None], [0.5])
    assert nothing.pairs == 0
    assert nothing.mean_difference is nothing.median_difference is nothing.p_value is None
    with pytest.raises(ValueError, match="cannot be paired"):
        compare_cells([0.5], [])


def test_holm_worked_out_by_hand() -> None:
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1; the last is held up by the one before it.
    found = holm([0.01, 0.04, None, 0.03, 0.005])
    assert found == [pytest.approx(0.03), pytest.approx(0.06), None, pytest.approx(0.06), pytest.approx(0.02)]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.2))
def test_holm_rejects_what_stepping_down_rejects(p_values, level) -> None:
    rejected: set[int] = set()
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - rank) > level:
            break
        rejected.add(index)
    corrected = holm(p_values)
    # Equal p-values at the edge may step down in either order, with the same corrected value.
    assert {index for index, p in enumerate(corrected) if p <= level} == rejected


def test_all_pairs_of_systems_are_compared_and_corrected_for_their_number() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.7, 0.9, 9)
    figures = {
        "a": [*(base + 0.05 * rng.random(9))],
        "b": [*base],
        "c": [*(base + 0.001 * rng.normal(size=9))],
    }
    found = compare_systems(figures)
    assert [(pair.first, pair.second) for pair in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    alone = [compare_cells(figures[pair.first], figures[pair.second]) for pair in found]
    assert [pair.comparison for pair in found] == alone
    assert [pair.p_holm for pair in found] == holm([comparison.p_value for comparison in alone])
    assert found[0].p_holm == pytest.approx(3 * 2 / 2**9)
