"""How detectors stand noise among their training images: AUROC against the noise rate."""

import numpy as np

from patchsieve.evaluation.bench import METRICS
from patchsieve.pictures.bench.board import OVERLAP_WORDS, Board, Mean, Place
from patchsieve.pictures.bench.figure import BenchFigure, Table, canvas
from patchsieve.pictures.bench.labels import Mark, marks, short_names
from patchsieve.pictures.bench.lines import WIDTH, Line, Panel, draw_panels, panels_height, rate_names

_Points = dict[float, Mean]
# What comes out for scores that know nothing.
_GUESSING = {"image_auroc": 0.5, "pixel_auroc": 0.5}


def noise_curves(board: Board, metric: str, place: Place | None = None) -> BenchFigure | None:
    """Draw a figure of all compared detectors against the noise rate, one panel for each kind of overlap.

    Args:
        board: the results.
        metric: a key of `METRICS`.
        place: a category; None for the average over categories.

    Returns:
        None where no detector has the figure at two noise rates: there is no curve.
    """
    styles, short = marks(board.compared), short_names(board.compared)
    panels, rows, words = [], [], []
    for overlap in board.overlaps:
        curves = {
            name: points
            for name in board.compared
            if (
                points := {
                    rate: mean
                    for rate in board.rates(overlap)
                    if (mean := board.mean(metric, name, rate, overlap, place)) is not None
                }
            )
        }
        if not any(len(points) > 1 for points in curves.values()):
            continue
        lines = [_line(short[name], points, styles[name]) for name, points in curves.items()]
        panels.append(Panel(OVERLAP_WORDS[overlap], lines, METRICS[metric], guessing=_GUESSING.get(metric)))
        rows += [
            (overlap, name, rate, mean.value, mean.spread, mean.seeds)
            for name, points in curves.items()
            for rate, mean in points.items()
        ]
        words.append(f"{OVERLAP_WORDS[overlap]}: {_in_words(curves)}")
    if not panels:
        return None
    where = _where(board, metric, place)
    rates = sorted({float(row[2]) for row in rows})
    with canvas(WIDTH, panels_height(panels)) as figure:
        draw_panels(
            figure, panels, "noise rate (defective per good training image)", rates, rate_names(rates)
        )
        return BenchFigure.drawn(
            figure,
            name=f"noise-{metric}" + ("" if place is None else f"-{place.stem}"),
            title=f"{METRICS[metric]} against noise, {where}",
            caption=_caption(board, place),
            alt=f"{METRICS[metric]} {where} at noise rates from {100 * rates[0]:g} to {100 * rates[-1]:g} %. "
            + " ".join(words),
            table=Table(("overlap", "system", "noise", metric, "standard_deviation", "seeds"), tuple(rows)),
        )


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
    return (
        "A robust detector's line stays level. The number before a name is the value at the line's right end, and the "
        "rate behind it says where that is if other lines go on. "
        f"{spread}{average} The vertical axis does not begin at 0."
    )


def _in_words(curves: dict[str, _Points]) -> str:
    parts = []
    for name, points in curves.items():
        (first, start), (last, end) = next(iter(points.items())), list(points.items())[-1]
        parts.append(
            f"{name} from {start.value:.3f} at {100 * first:g} % to {end.value:.3f} at {100 * last:g} %"
        )
    return "; ".join(parts) + "."
