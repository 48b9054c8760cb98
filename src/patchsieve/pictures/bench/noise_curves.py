"""How detectors stand noise among their training images: AUROC against the noise rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from patchsieve.evaluation.bench import METRICS
from patchsieve.images import Overlap
from patchsieve.pictures.bench.board import OVERLAP_WORDS, Board, Mean, Place
from patchsieve.pictures.bench.figure import BenchFigure, Table, canvas
from patchsieve.pictures.bench.labels import Mark, marks, short_names
from patchsieve.pictures.bench.lines import (
    WIDTH,
    Ends,
    Line,
    Panel,
    draw_panels,
    line_limits,
    panels_height,
    rate_names,
)
from patchsieve.pictures.bench.small import TOGETHER, Block, blocks_height, draw_blocks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Points = dict[float, Mean]
_Curves = dict[str, _Points]
# What comes out for scores that know nothing.
_GUESSING = {"image_auroc": 0.5, "pixel_auroc": 0.5}
_FEW = (
    "A robust detector's line stays level. The number before a name is the value at the line's right end, and the "
    "rate behind it says where that is if other lines go on."
)
_MANY = (
    "A robust detector's line stays level. Each panel has one detector's line in colour and those of all others in "
    "grey; the numbers are its values at the two ends of its line. Dotted: guessing, where the axis reaches it. The "
    "noise rate is defective images per good one."
)


def noise_curves(board: Board, metric: str, place: Place | None = None) -> BenchFigure | None:
    """Draw a figure of all compared detectors against the noise rate, one panel for each kind of overlap.

    More than `TOGETHER` of them have a small panel each.

    Args:
        board: the results.
        metric: a key of `METRICS`.
        place: a category; None for the average over categories.

    Returns:
        None where no detector has the figure at two noise rates: there is no curve.
    """
    found = {overlap: _curves(board, metric, overlap, place) for overlap in board.overlaps}
    shown = {
        overlap: curves
        for overlap, curves in found.items()
        if any(len(points) > 1 for points in curves.values())
    }
    if not shown:
        return None
    many = len(board.compared) > TOGETHER
    draw, height, caption = (_small, _small_height, _MANY) if many else (_together, panels_height, _FEW)
    panels = [_panel(board, metric, overlap, curves) for overlap, curves in shown.items()]
    rates = sorted({rate for curves in shown.values() for points in curves.values() for rate in points})
    where = _where(board, metric, place)
    words = " ".join(f"{OVERLAP_WORDS[overlap]}: {_in_words(curves)}" for overlap, curves in shown.items())
    with canvas(WIDTH, height(panels)) as figure:
        draw(figure, panels, rates)
        return BenchFigure.drawn(
            figure,
            name=f"noise-{metric}" + ("" if place is None else f"-{place.stem}"),
            title=f"{METRICS[metric]} against noise, {where}",
            caption=f"{caption} {_caption(board, place)}",
            alt=f"{METRICS[metric]} {where} at noise rates from {100 * rates[0]:g} to {100 * rates[-1]:g} %. {words}",
            table=_table(metric, shown),
        )


def _curves(board: Board, metric: str, overlap: Overlap, place: Place | None) -> _Curves:
    found = {
        name: {
            rate: mean
            for rate in board.rates(overlap)
            if (mean := board.mean(metric, name, rate, overlap, place)) is not None
        }
        for name in board.compared
    }
    return {name: points for name, points in found.items() if points}


def _table(metric: str, shown: Mapping[Overlap, _Curves]) -> Table:
    rows = (
        (overlap, name, rate, mean.value, mean.spread, mean.seeds)
        for overlap, curves in shown.items()
        for name, points in curves.items()
        for rate, mean in points.items()
    )
    return Table(("overlap", "system", "noise", metric, "standard_deviation", "seeds"), tuple(rows))


def _panel(board: Board, metric: str, overlap: Overlap, curves: _Curves) -> Panel:
    styles, short = marks(board.compared), short_names(board.compared)
    lines = [_line(short[name], points, styles[name]) for name, points in curves.items()]
    return Panel(OVERLAP_WORDS[overlap], lines, METRICS[metric], guessing=_GUESSING.get(metric))


def _line(name: str, points: _Points, mark: Mark) -> Line:
    means = list(points.values())
    spreads = [np.nan if mean.spread is None else mean.spread for mean in means]
    values = [mean.value for mean in means]
    return Line(name, np.array(list(points)), np.array(values), np.array(spreads), mark)


def _where(board: Board, metric: str, place: Place | None) -> str:
    if place is not None:
        return board.place_names[place]
    counts = {len(board.averaged(metric, overlap)) for overlap in board.overlaps}
    count = " or ".join(map(str, sorted(counts)))
    return f"average of {count} categories" if counts != {1} else "one category"


def _caption(board: Board, place: Place | None) -> str:
    seeds = max((len(board.seeds(rate, o)) for o in board.overlaps for rate in board.rates(o)), default=1)
    spread = (
        f"Points are means over {seeds} seeds, bars one standard deviation to each side."
        if seeds > 1
        else "One seed only: the spread is not known, small differences may be luck."
    )
    average = (
        " An average is of the categories that have a value at every noise rate; a detector that lacks one of them has "
        "no point there."
        if place is None and len(board.places) > 1
        else ""
    )
    return f"{spread}{average} The vertical axis does not begin at 0."


def _together(figure: Figure, panels: Sequence[Panel], rates: Sequence[float]) -> None:
    draw_panels(figure, panels, "noise rate (defective per good training image)", rates, rate_names(rates))


def _small(figure: Figure, panels: Sequence[Panel], rates: Sequence[float]) -> None:
    x_limits, y_limits = line_limits([line for panel in panels for line in panel.lines])
    ticks = list(zip(rates, rate_names(rates), strict=True))
    draw_blocks(
        figure,
        [
            Block(
                panel.title,
                panel.lines,
                [f"{line.y[0]:.3f} \N{RIGHTWARDS ARROW} {line.y[-1]:.3f}" for line in panel.lines],
                "noise rate",
                panel.up,
                x_limits,
                y_limits,
                ticks,
                guide=_guess(panel, x_limits, y_limits),
            )
            for panel in panels
        ],
    )


def _guess(panel: Panel, x_limits: Ends, y_limits: Ends) -> tuple[Ends, Ends] | None:
    value = panel.guessing
    if value is None or not y_limits[0] < value < y_limits[1]:
        return None
    return (x_limits[0], value), (x_limits[1], value)


def _small_height(panels: Sequence[Panel]) -> float:
    return blocks_height([len(panel.lines) for panel in panels])


def _in_words(curves: _Curves) -> str:
    parts = []
    for name, points in curves.items():
        (first, start), (last, end) = next(iter(points.items())), list(points.items())[-1]
        parts.append(
            f"{name} from {start.value:.3f} at {100 * first:g} % to {end.value:.3f} at {100 * last:g} %"
        )
    return "; ".join(parts) + "."
