"""The rank test that allows for defects: against plain enumeration, and its promise under any defects."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.evaluation.drift.rank_test import left_out, rank_test

Values = list[float]


def enumerated(training: Values, rest: Values) -> tuple[float, float]:
    """Return p-value and effect by counting pairs in every way to choose which of the values are today's."""

    def wins(today: tuple[float, ...], others: Values) -> float:
        return sum((t > x) + 0.5 * (t == x) for t in today for x in others)

    pooled = training + rest
    observed = wins(tuple(rest), training)
    counts = []
    for chosen in combinations(range(len(pooled)), len(rest)):
        today = tuple(pooled[index] for index in chosen)
        counts.append(wins(today, [pooled[index] for index in range(len(pooled)) if index not in chosen]))
    p_value = sum(count >= observed - 1e-9 for count in counts) / len(counts)
    return p_value, observed / (len(training) * len(rest))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-1000, 1000), min_size=3, max_size=10, unique=True),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.2, 0.4]),
)
def test_it_is_plain_enumeration(values: list[int], count: int, tolerated: float) -> None:
    count = min(count, len(values) - 1)
    training, today = [float(v) for v in values[count:]], [float(v) for v in values[:count]]
    rest = sorted(today)[: len(today) - left_out(len(today), tolerated)]
    found = rank_test(np.array(training), np.array(today), tolerated)
    assert (found.p_value, found.effect) == pytest.approx(enumerated(training, rest))


def test_how_many_may_be_defective_is_rounded_down() -> None:
    assert [left_out(m, 0.2) for m in (1, 4, 5, 9, 10, 50)] == [0, 0, 1, 1, 2, 10]
    assert [left_out(m, share) for m in (10, 100) for share in (0.1, 0.3, 0.7)] == [1, 3, 7, 10, 30, 70]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_defects_can_make_the_rest_look_higher_than_the_good_ones(data: st.DataObject) -> None:
    """The k-th lowest of what is tested is at most the k-th lowest good one, so the p-value is no smaller."""
    seed = data.draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    images = data.draw(st.integers(5, 40))
    defects = data.draw(
        st.lists(st.floats(-1e6, 1e6), max_size=left_out(images, 0.2)).map(lambda d: np.array(d, dtype=float))
    )
    training, good = rng.normal(size=30), rng.normal(size=images - len(defects))
    found = rank_test(training, np.concatenate([good, defects]), 0.2)
    lowest = np.sort(good)[: images - left_out(images, 0.2)]
    alone = rank_test(training, lowest, 0.0)
    assert found.p_value >= alone.p_value - 1e-12
    assert found.effect <= alone.effect + 1e-12


def test_a_fifth_of_enormous_values_is_no_shift_and_a_shift_of_all_is() -> None:
    rng = np.random.default_rng(0)
    training, today = rng.normal(size=400), rng.normal(size=200)
    spoilt = today.copy()
    spoilt[:40] += 100
    assert rank_test(training, spoilt, 0.2).p_value > 0.1
    assert rank_test(training, spoilt, 0.0).p_value < 0.05
    shifted = rank_test(training, today + 1, 0.2)
    assert shifted.p_value < 1e-3
    assert shifted.effect > 0.64


def test_values_that_are_all_alike_say_nothing() -> None:
    found = rank_test(np.zeros(20, np.float32), np.zeros(10, np.float32), 0.2)
    assert found.p_value > 0.4
    assert found.effect == 0.5
