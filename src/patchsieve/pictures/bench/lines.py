"""Panels of lines that carry their names at their right ends, so that no legend has to be matched by colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from patchsieve.pictures.bench.labels import Mark, spread_out, whiskers
from patchsieve.pictures.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
# Of an axis.
Ends = tuple[float, float]

WIDTH = 8.4
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.75, 3.15, 0.35, 0.5
_SHORTEST = 2.7
_LABEL_POINTS = 11.5
# Room for the place where a line ends, behind the names of those that end before the others.
_PLACE = 0.8


@dataclass(frozen=True)
class Line:
    """One series.

    Attributes:
        name: as its label shows it.
        x: `[N]`, rising.
        y: `[N]`, shares of 0 to 1; anything where there is no spread.
        spread: `[N]`, how far the bar goes to each side of a point, within 0 to 1; NaN for none.
        mark: its colour, marker and dashes.
    """

    name: str
    x: Floats
    y: Floats
    spread: Floats
    mark: Mark


@dataclass(frozen=True)
class Panel:
    """Lines on one pair of axes.

    Attributes:
        title: above it.
        lines: at least one, each of at least one point.
        up: label of the vertical axis.
        guessing: the value of who guesses, marked where the axis reaches it; None for none.
    """

    title: str
    lines: Sequence[Line]
    up: str
    guessing: float | None = None


def panels_height(panels: Sequence[Panel]) -> float:
    """Return the height in inches of a figure of these panels, one below the other."""
    return sum(_height(panel) + _TOP + _BOTTOM for panel in panels)


def draw_panels(
    figure: Figure, panels: Sequence[Panel], across: str, ticks: Sequence[float], names: Sequence[str]
) -> None:
    """Draw panels below one another, all on the same two scales.

    Args:
        figure: `WIDTH` wide and `panels_height` high.
        panels: from top to bottom.
        across: label of the horizontal axis.
        ticks: where it is marked.
        names: what is written there.
    """
    wide, high = figure.get_size_inches()
    every = [line for panel in panels for line in panel.lines]
    x_limits, y_limits = line_limits(every)
    last = max(line.x[-1] for line in every)
    marked = dict(zip(ticks, names, strict=True))
    early = {line.x[-1]: marked[line.x[-1]] or f"{line.x[-1]:g}" for line in every if line.x[-1] < last}
    right = _RIGHT + (_PLACE if early else 0)
    top = high
    for panel in panels:
        height = _height(panel)
        top -= _TOP
        box = (_LEFT / wide, (top - height) / high, (wide - _LEFT - right) / wide, height / high)
        axes = figure.add_axes(box)
        axes.set(xlim=x_limits, ylim=y_limits, ylabel=panel.up)
        axes.set_title(panel.title, loc="left", fontsize=10)
        axes.set_xticks(list(ticks), list(names))
        axes.grid(axis="y", color="#E3E3E3", linewidth=0.6)
        axes.set_axisbelow(True)
        if panel.guessing is not None and y_limits[0] < panel.guessing < y_limits[1]:
            _mark_guessing(axes, panel.guessing)
        _draw(figure, axes, panel.lines)
        _label(axes, panel.lines, height * 72, early)
        top -= height + _BOTTOM
    figure.axes[-1].set_xlabel(across)


def draw_spread(axes: Axes, line: Line, colour: str, **options: Any) -> None:
    """Draw the bars of a line's points, where it has any; options are matplotlib's."""
    bars = np.isfinite(line.spread)
    if bars.any():
        axes.errorbar(
            line.x[bars],
            line.y[bars],
            yerr=whiskers(line.y[bars], line.spread[bars]),
            fmt="none",
            ecolor=colour,
            elinewidth=0.8,
            capsize=1.5,
            **options,
        )


def line_limits(lines: Sequence[Line]) -> tuple[Ends, Ends]:
    """Return the ends of the two axes that hold these lines with their bars."""
    return _limits([line.x for line in lines], 0.03), _limits(
        [end for line in lines for end in _ends(line)], 0.04
    )


def _ends(line: Line) -> tuple[Floats, Floats]:
    below, above = whiskers(line.y, np.nan_to_num(line.spread))
    return line.y - below, line.y + above


def _mark_guessing(axes: Axes, value: float) -> None:
    axes.axhline(value, color=GREY, linestyle=":", linewidth=1, zorder=1)
    axes.annotate(
        "guessing",
        (0, value),
        xytext=(3, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        color=GREY,
        fontsize=8,
    )


def _draw(figure: Figure, axes: Axes, lines: Sequence[Line]) -> None:
    from matplotlib.transforms import ScaledTranslation

    for index, line in enumerate(lines):
        # Bars at the same rate stand beside each other, or nobody could tell whose they are.
        aside = (index - (len(lines) - 1) / 2) * min(1.6, 14 / len(lines)) / 72
        place = axes.transData + ScaledTranslation(aside, 0, figure.dpi_scale_trans)
        draw_spread(axes, line, line.mark.colour, transform=place)
        axes.plot(
            line.x,
            line.y,
            linestyle=line.mark.line,
            marker=line.mark.marker,
            color=line.mark.colour,
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            linewidth=1.3,
            transform=place,
        )


def _label(axes: Axes, lines: Sequence[Line], points: float, early: Mapping[float, str]) -> None:
    """Write value and name of each line beside the axes, and where it ends if others go on."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    ends_x = np.array([(line.x[-1] - left) / (right - left) for line in lines])
    ends_y = np.array([(line.y[-1] - low) / (high - low) for line in lines])
    places = spread_out(ends_y, _LABEL_POINTS / points, 0.0, 1.0)
    for line, across, up, place in zip(lines, ends_x, ends_y, places, strict=True):
        colour = line.mark.colour
        axes.plot(
            [across, 1.0, 1.05],
            [up, up, place],
            color=colour,
            linewidth=0.6,
            linestyle=":" if across < 0.96 else "-",
            transform=axes.transAxes,
            clip_on=False,
            zorder=1,
        )
        axes.plot(
            [1.05, 1.10],
            [place, place],
            marker=line.mark.marker,
            markevery=[1],
            markersize=4.5,
            color=colour,
            linestyle=line.mark.line,
            linewidth=1.3,
            transform=axes.transAxes,
            clip_on=False,
        )
        end = f" (at {early[line.x[-1]]})" if line.x[-1] in early else ""
        axes.text(1.125, place, f"{line.y[-1]:.3f}  {line.name}{end}", va="center", transform=axes.transAxes)


def _height(panel: Panel) -> float:
    return max(_SHORTEST, len(panel.lines) * _LABEL_POINTS / 72 + 0.2)


def _limits(values: Sequence[Floats], margin: float) -> Ends:
    low, high = float(min(each.min() for each in values)), float(max(each.max() for each in values))
    if high - low < 1e-9:
        low, high = low - 0.01, high + 0.01
    room = margin * (high - low)
    return low - room, high + room


def rate_names(rates: Sequence[float]) -> list[str]:
    """Return noise rates as they stand on an axis."""
    return [f"{100 * rate:g} %" for rate in rates]
