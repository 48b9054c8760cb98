from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.station.pages.charts import LEFT, RIGHT, TOP, nice_steps, score_chart, time_chart
from patchsieve.station.services.overview import Bucket
from patchsieve.station.services.thresholds import Histogram

START = datetime(2026, 3, 1, tzinfo=UTC)
COUNTS = st.tuples(*[st.integers(0, 5000)] * 3)


def bucket(place: int, counts: tuple[int, int, int]) -> Bucket:
    return Bucket(START + timedelta(hours=place), START + timedelta(hours=place + 1), *counts)


@given(st.floats(1e-6, 1e9), st.integers(2, 8))
def test_steps_are_round_reach_the_top_and_are_few(top: float, most: int) -> None:
    steps = nice_steps(top, most)
    assert steps[0] == 0
    assert steps[-1] >= top * (1 - 1e-6)
    assert steps[-2] < top
    assert 2 <= len(steps) <= most + 2
    assert f"{steps[1]:.6e}"[0] in "125"


@pytest.mark.parametrize("top", [0.0, -1.0, float("nan")])
def test_nothing_has_an_axis_too(top: float) -> None:
    assert nice_steps(top) == [0.0, 1.0]


@given(st.lists(COUNTS, min_size=1, max_size=40))
def test_bars_are_as_high_as_their_counts_and_stand_on_each_other(counts: list[tuple[int, int, int]]) -> None:
    chart = time_chart([bucket(place, each) for place, each in enumerate(counts)])
    full = chart.counts[-1].value
    assert isinstance(full, float)
    scale = (chart.bottom - TOP) / full
    assert len(chart.bars) == sum(count > 0 for each in counts for count in each)
    assert sum(bar.height for bar in chart.bars) == pytest.approx(scale * sum(map(sum, counts)))
    for bar in chart.bars:
        assert LEFT <= bar.x < bar.x + bar.width <= RIGHT
        assert bar.y >= TOP - 1e-6
        assert bar.y + bar.height <= chart.bottom + 1e-6
    assert len(chart.rates) == len(chart.intervals) == sum(sum(each) > 0 for each in counts)
    for (_, y), (_, low, high) in zip(chart.rates, chart.intervals, strict=True):
        # The picture is upside down: what is more is higher up, and has the smaller y.
        assert TOP - 1e-6 <= high <= y + 1e-6
        assert y <= low + 1e-6 <= chart.bottom + 1e-5
    assert len(chart.times) <= 9


def test_hours_without_parts_have_no_rate() -> None:
    chart = time_chart([bucket(0, (0, 0, 0)), bucket(1, (9, 0, 1)), bucket(2, (0, 0, 0))])
    assert len(chart.rates) == 1
    assert [bar.kind for bar in chart.bars] == ["good", "defect"]


def histogram(edges: list[float], **rows: tuple[int, ...]) -> Histogram:
    empty = (0,) * (len(edges) - 1)
    kinds = {kind: rows.get(kind, empty) for kind in ("good", "defective", "unjudged", "training")}
    return Histogram(tuple(edges), **kinds)


def test_each_histogram_has_its_own_scale_and_empty_ones_are_left_out() -> None:
    chart = score_chart(histogram([0.0, 1.0, 2.0], good=(1000, 10), defective=(0, 2)), [0.5])
    assert [(row.kind, row.total, row.highest) for row in chart.rows] == [
        ("good", 1010, 1000),
        ("defective", 2, 2),
    ]
    good, defective = chart.rows
    assert good.bottom < defective.top
    assert good.bars[0].height == defective.bars[0].height
    # One part in a thousand is seen, too.
    assert good.bars[1].height >= 1


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=5))
def test_every_threshold_is_on_the_axis(low: float, width: float, marks: list[float]) -> None:
    edges = [low, low + abs(width) / 2, low + abs(width)]
    chart = score_chart(histogram(edges, good=(1, 2)), marks)
    places = [chart.place(mark) for mark in sorted(marks)]
    assert places == sorted(places)
    assert all(LEFT < place < RIGHT for place in places)
    assert all(LEFT <= tick.at <= RIGHT for tick in chart.ticks)


def test_scores_beyond_the_axis_stand_at_its_end() -> None:
    chart = score_chart(histogram([0.0, 1.0], good=(1,)), [0.5])
    assert (chart.place(-100), chart.place(100)) == (LEFT, RIGHT)
