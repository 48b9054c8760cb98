"""Charts as geometry, in the units of an SVG's view box; templates draw them, and tell the same as a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from patchsieve.station.services.overview import Bucket
from patchsieve.station.services.thresholds import Histogram

WIDTH = 760.0
LEFT = 56.0  # what the labels of the vertical axis take
RIGHT = 744.0
TOP = 10.0
_RATE_AT_LEAST = 0.05


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis.

    Attributes:
        at: where, along the axis.
        value: what it stands for: a number or a moment.
    """

    at: float
    value: float | datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of one kind."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class TimeChart:
    """Inspections over time: stacked bars of how many, and the share of defects with its interval.

    Attributes:
        bars: of "good", "review" and "defect".
        counts: ticks of the vertical axis of the bars.
        rates: points of the reject rate, x and y; gaps where nothing was inspected have none.
        intervals: x, and both ends of the interval of each rate.
        shares: ticks of the vertical axis of the rates.
        times: ticks of the horizontal axis.
        bottom: of both charts.
    """

    bars: list[Bar]
    counts: list[Tick]
    rates: list[tuple[float, float]]
    intervals: list[tuple[float, float, float]]
    shares: list[Tick]
    times: list[Tick]
    bottom: float


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """One of the histograms that stand below each other.

    Attributes:
        kind: "good", "defective", "unjudged" or "training".
        top: of the row.
        bottom: of the row.
        bars: of the row.
        highest: how many the highest bar holds.
        total: how many all bars hold.
    """

    kind: str
    top: float
    bottom: float
    bars: list[Bar]
    highest: int
    total: int


@dataclass(frozen=True, slots=True)
class ScoreChart:
    """Histograms of scores over one axis.

    Attributes:
        rows: those that hold anything.
        low: score at the left end.
        high: score at the right end.
        ticks: of the axis.
        bottom: of the last row.
    """

    rows: list[HistogramRow]
    low: float
    high: float
    ticks: list[Tick]
    bottom: float

    def place(self, score: float) -> float:
        """Return where a score stands; one beyond an end stands at that end."""
        share = (score - self.low) / (self.high - self.low)
        return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share))


def nice_steps(top: float, most: int = 5) -> list[float]:
    """Return round numbers from 0 to the first that reaches `top`, 1, 2 or 5 times a power of ten apart."""
    if not top > 0:
        return [0.0, 1.0]
    rough = top / most
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough * (1 - 1e-9))
    count = math.ceil(top / step - 1e-9)
    return [step * place for place in range(count + 1)]


def time_chart(buckets: Sequence[Bucket], *, height: float = 180.0) -> TimeChart:
    """Draw how many were inspected and how many of them rejected, for parts of time that follow each other."""
    bottom = TOP + height
    counts = nice_steps(max((bucket.total for bucket in buckets), default=0), 4)
    # A handful of parts has an interval up to 100 %: it may end above the chart, the rates themselves may not.
    rates = [bucket.reject_rate for bucket in buckets if bucket.reject_rate is not None]
    shares = nice_steps(min(1.0, max([_RATE_AT_LEAST, *(1.3 * rate for rate in rates)])), 4)
    width = (RIGHT - LEFT) / max(1, len(buckets))

    def y(value: float, top: float) -> float:
        return bottom - height * min(1.0, value / top)

    bars, points, intervals = [], [], []
    for place, bucket in enumerate(buckets):
        x, below = LEFT + place * width, 0
        for kind, count in (("good", bucket.good), ("review", bucket.review), ("defect", bucket.defect)):
            if count:
                upper, lower = y(below + count, counts[-1]), y(below, counts[-1])
                bars.append(Bar(kind, x + 0.1 * width, upper, 0.8 * width, lower - upper))
            below += count
        if bucket.reject_rate is not None:
            middle = x + width / 2
            points.append((middle, y(bucket.reject_rate, shares[-1])))
            low, high = bucket.reject_interval
            intervals.append((middle, y(low, shares[-1]), y(high, shares[-1])))
    every = max(1, math.ceil(len(buckets) / 8))
    times = [Tick(LEFT + place * width, buckets[place].since) for place in range(0, len(buckets), every)]
    return TimeChart(
        bars=bars,
        counts=[Tick(y(value, counts[-1]), value) for value in counts],
        rates=points,
        intervals=intervals,
        shares=[Tick(y(value, shares[-1]), value) for value in shares],
        times=times,
        bottom=bottom,
    )


def score_chart(histogram: Histogram, marks: Sequence[float], *, row_height: float = 64.0) -> ScoreChart:
    """Draw histograms of scores below each other, each by a scale of its own: there are few defects and many parts.

    Args:
        histogram: of a line.
        marks: scores that have to be on the axis, such as thresholds.
        row_height: of each of them, with the room above it for its name.
    """
    low = min([histogram.edges[0], *marks])
    high = max([histogram.edges[-1], *marks])
    if not high > low:
        low, high = low - 0.5, high + 0.5
    margin = 0.02 * (high - low)
    chart = ScoreChart([], low - margin, high + margin, [], 0.0)
    rows, top = [], TOP
    kinds = ("training", "unjudged", "good", "defective")
    for kind in kinds:
        counts: tuple[int, ...] = getattr(histogram, kind)
        if not any(counts):
            continue
        bottom = top + row_height
        rows.append(_row(chart, kind, histogram.edges, counts, top, bottom))
        top = bottom + 8
    bottom = rows[-1].bottom if rows else TOP + row_height
    step = nice_steps(chart.high - chart.low, 8)[1]
    first = math.ceil(chart.low / step)
    ticks = [
        Tick(chart.place(step * place), step * place)
        for place in range(first, math.floor(chart.high / step) + 1)
    ]
    return ScoreChart(rows, chart.low, chart.high, ticks, bottom)


def _row(
    chart: ScoreChart, kind: str, edges: Sequence[float], counts: Sequence[int], top: float, bottom: float
) -> HistogramRow:
    highest, room = max(counts), bottom - top - 18
    bars = []
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            x, tall = chart.place(left), max(1.5, room * count / highest)
            bars.append(Bar(kind, x, bottom - tall, max(1.0, chart.place(right) - x - 0.5), tall))
    return HistogramRow(kind, top, bottom, bars, highest, sum(counts))
