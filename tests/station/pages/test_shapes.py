"""What templates draw with."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.station.pages.shapes import scale_place, svg_path

Scores = st.floats(0, 1e6)
Thresholds = st.floats(1e-3, 1e6)


@given(score=Scores, threshold=Thresholds)
def test_a_score_stands_right_of_the_middle_exactly_when_it_is_above_the_threshold(
    score: float, threshold: float
) -> None:
    at = scale_place(score, threshold)
    assert 0 <= at.place <= 1
    if not math.isclose(score, threshold):
        assert (at.place > 0.5) == (score > threshold)
    assert at.beyond == (score / threshold > 2)


@pytest.mark.parametrize("threshold", [0.0, -3.0])
def test_a_threshold_that_is_not_positive_stands_in_the_middle_too(threshold: float) -> None:
    assert scale_place(threshold, threshold) == (0.5, False)
    assert scale_place(threshold + 0.5, threshold) == (0.75, False)
    assert scale_place(threshold + 5, threshold) == (1.0, True)
    assert scale_place(threshold - 5, threshold) == (0.0, False)


def test_the_rings_of_an_outline_are_closed_one_by_one() -> None:
    outer, hole = [(0.0, 0.0), (9.04, 0.0), (9.04, 9.0)], [(1.0, 1.0), (2.0, 1.0), (2.0, 2.0)]
    assert svg_path([[outer, hole]]) == "M0.0 0.0L9.0 0.0L9.0 9.0ZM1.0 1.0L2.0 1.0L2.0 2.0Z"
    assert svg_path([]) == ""
