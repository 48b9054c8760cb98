import statistics

import pytest

from patchsieve.evaluation.statistics import Spread, spread


def test_the_spread_is_that_of_the_standard_library_over_what_is_defined() -> None:
    values = [0.9, 0.7, 0.95, 0.8]
    found = spread([*values, None])
    assert found.count == 4
    assert found.mean == pytest.approx(statistics.mean(values))
    assert found.deviation == pytest.approx(statistics.stdev(values))
    assert (found.lowest, found.highest) == (0.7, 0.95)


def test_one_run_has_no_deviation_and_none_has_nothing() -> None:
    assert spread([0.5]) == Spread(1, 0.5, None, 0.5, 0.5)
    assert spread(iter([None, None])) == Spread(0, None, None, None, None)
