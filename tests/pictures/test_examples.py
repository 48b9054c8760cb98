"""Which test images are shown, worked out by hand and checked against the definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.pictures import worst_and_best


def test_worst_are_the_grossest_mistakes_and_best_alternate_between_the_classes() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    scores = np.array([1.0, 9.0, 2.0, 3.0, 8.0, 7.0])
    worst, best = worst_and_best(labels, scores, threshold=5.0, count=2)
    assert worst == [1, 3]  # a false alarm by 4, a miss by 2
    assert best == [0, 4]  # passed with 4 to spare, found with 3 to spare


@given(
    rows=st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=20),
    threshold=st.floats(0, 10),
    count=st.integers(0, 8),
)
def test_lists_are_apart_ordered_and_as_long_as_the_images_allow(rows, threshold, count) -> None:
    labels = np.array([label for label, _ in rows], bool)
    scores = np.array([score for _, score in rows], float)
    worst, best = worst_and_best(labels, scores, threshold, count)
    assert len(set(worst) | set(best)) == len(worst) + len(best)
    assert len(worst) == min(count, len(rows) // 2)
    assert len(best) == min(count, len(rows) - len(worst))
    margins = np.where(labels, scores - threshold, threshold - scores)
    assert sorted(margins[worst]) == list(margins[worst])
    rest = [i for i in range(len(rows)) if i not in worst]
    assert all(margins[w] <= margins[r] for w in worst for r in rest)
    for side in (False, True):
        shown = [margins[i] for i in best if labels[i] == side]
        assert shown == sorted(shown, reverse=True)
