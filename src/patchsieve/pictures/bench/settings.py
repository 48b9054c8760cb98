"""What a setting does: the value that an ablation varies against AUROC, clean and noisy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from patchsieve.evaluation.bench import METRICS
from patchsieve.images import Overlap
from patchsieve.pictures.bench.board import OVERLAPS, Board, Mean, condition_words
from patchsieve.pictures.bench.figure import BenchFigure, Table, canvas
from patchsieve.pictures.bench.labels import Floats, Mark, marks, short_names, whiskers
from patchsieve.pictures.bench.lines import WIDTH, Line, Panel, draw_panels, panels_height
from patchsieve.pictures.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_METRICS = ("image_auroc", "pixel_auroc")
_HATCHES = ("", "///", "\\\\\\", "...", "xxx", "---")
_BARS_BOTTOM = 0.5


class Study(NamedTuple):
    """An ablation: systems that differ in one setting only.

    Attributes:
        base: what they have in common.
        setting: name of the setting.
        systems: value of the setting and name of the system, in the order of the axis.
    """

    base: str
    setting: str
    systems: tuple[tuple[Any, str], ...]

    @property
    def numeric(self) -> bool:
        """Whether the values lie on an axis."""
        return all(
            isinstance(value, int | float) and not isinstance(value, bool) for value, _ in self.systems
        )


class _Condition(NamedTuple):
    noise: float
    overlap: Overlap

    @property
    def words(self) -> str:
        return condition_words(self.noise, self.overlap)


_Curves = dict[_Condition, list[tuple[Any, Mean]]]
_Panels = dict[str, _Curves]


def studies(board: Board) -> tuple[Study, ...]:
    """Return the ablations of a bench that have at least two values, in the order of their first result."""
    found: dict[tuple[str, str], list[tuple[Any, str]]] = {}
    for name, system in board.systems.items():
        if system.varied is not None:
            setting, value = system.varied
            found.setdefault((system.base, setting), []).append((value, name))
    every = [
        Study(base, setting, tuple(values)) for (base, setting), values in found.items() if len(values) > 1
    ]
    return tuple(
        study._replace(systems=tuple(sorted(study.systems, key=lambda pair: pair[0])))
        if study.numeric
        else study
        for study in every
    )


def setting_figure(board: Board, study: Study) -> BenchFigure | None:
    """Draw AUROC against a setting: curves for numbers, bars for anything else; clean and noisy apart.

    Args:
        board: the results.
        study: one of `studies`.

    Returns:
        None where no system of the study has an AUROC.
    """
    board = board.of(name for _, name in study.systems)
    panels = {metric: curves for metric in _METRICS if (curves := _curves(board, study, metric))}
    if not panels:
        return None
    table = Table(
        ("metric", "setting", "value", "noise", "overlap", "mean", "standard_deviation", "seeds"),
        tuple(
            (metric, study.setting, _plain(value), condition.noise, condition.overlap, *mean)
            for metric, curves in panels.items()
            for condition, points in curves.items()
            for value, mean in points
        ),
    )
    draw = _draw_lines if study.numeric else _draw_bars
    height = _lines_height(panels) if study.numeric else _bars_height(panels)
    with canvas(WIDTH, height) as figure:
        draw(figure, study, panels)
        return BenchFigure.drawn(
            figure,
            name=f"setting-{study.setting}-{study.base}",
            title=f"{study.base}: {study.setting}",
            caption=_CAPTIONS[study.numeric],
            alt=_in_words(study, panels),
            table=table,
        )


_AVERAGES = (
    "Means over categories and seeds; the thin bars are one standard deviation between seeds to each side."
)
_CAPTIONS = {
    True: f"Where a line is level the setting does not matter. {_AVERAGES} The vertical axis does not begin at 0.",
    False: f"One group for each value of the setting. {_AVERAGES} Bars begin at 0.5, where guessing is.",
}


def _curves(board: Board, study: Study, metric: str) -> _Curves:
    curves: _Curves = {}
    for overlap in board.overlaps:
        for noise in board.rates(overlap):
            points = [
                (value, mean)
                for value, name in study.systems
                if (mean := board.mean(metric, name, noise, overlap)) is not None
            ]
            if points:
                # A clean set is the same with every kind of overlap.
                curves.setdefault(_Condition(noise, overlap if noise else "none"), points)
    return curves


def _draw_lines(figure: Figure, study: Study, panels: _Panels) -> None:
    values = sorted({float(value) for value, _ in study.systems})
    draw_panels(figure, _line_panels(panels), study.setting, values, _thinned(values))


def _lines_height(panels: _Panels) -> float:
    return panels_height(_line_panels(panels))


def _line_panels(panels: _Panels) -> list[Panel]:
    styles = _styles(panels)
    return [
        Panel(
            METRICS[metric],
            [
                Line(
                    condition.words,
                    np.array([float(value) for value, _ in points]),
                    np.array([mean.value for _, mean in points]),
                    np.array([np.nan if mean.spread is None else mean.spread for _, mean in points]),
                    styles[condition],
                )
                for condition, points in curves.items()
            ],
            METRICS[metric],
        )
        for metric, curves in panels.items()
    ]


def _draw_bars(figure: Figure, study: Study, panels: _Panels) -> None:
    styles, row = _styles(panels), 0.0
    hatches = {condition: _HATCHES[index % len(_HATCHES)] for index, condition in enumerate(styles)}
    axes = figure.add_axes(_bars_box(figure.get_size_inches()))
    ticks, names = [], []
    for metric, curves in panels.items():
        short = short_names([str(_plain(value)) for value, _ in study.systems], 30)
        for value, _ in study.systems:
            first = row
            for condition, points in curves.items():
                mean = {str(known): mean for known, mean in points}.get(str(value))
                if mean is not None:
                    _bar(axes, row, mean, condition.words, styles[condition], hatches[condition])
                    row += 1
            if row > first:
                ticks.append((first + row - 1) / 2)
                names.append(f"{short[str(_plain(value))]}\n{METRICS[metric]}")
                row += 0.8
    axes.set(ylim=(row - 0.4, -1), xlabel="AUROC")
    axes.axvline(0.5, color=INK, linewidth=0.8)
    axes.set_yticks(ticks, names)
    axes.tick_params(axis="y", length=0)


def _bar(axes: Axes, row: float, mean: Mean, words: str, mark: Mark, hatch: str) -> None:
    axes.barh(
        row,
        mean.value - 0.5,
        left=0.5,
        facecolor=f"{mark.colour}30",
        edgecolor=mark.colour,
        hatch=hatch,
        height=0.86,
    )
    reach = whiskers(np.array([mean.value]), np.array([mean.spread or 0.0]))
    if mean.spread is not None:
        axes.errorbar(mean.value, row, xerr=reach, fmt="none", ecolor=INK, elinewidth=0.9, capsize=2)
    end = max(0.5, mean.value + float(reach[1, 0]))
    axes.annotate(f"{mean.value:.3f}  {words}", (end, row), (5, 0), textcoords="offset points", va="center")


def _bars_height(panels: _Panels) -> float:
    bars = sum(len(points) for curves in panels.values() for points in curves.values())
    groups = sum(len({str(v) for points in curves.values() for v, _ in points}) for curves in panels.values())
    return 0.19 * (bars + 0.8 * groups) + _BARS_BOTTOM + 0.3


def _bars_box(size: Floats) -> tuple[float, float, float, float]:
    wide, high = size
    return (2.6 / wide, _BARS_BOTTOM / high, (wide - 5.0) / wide, (high - _BARS_BOTTOM - 0.1) / high)


def _styles(panels: _Panels) -> dict[_Condition, Mark]:
    conditions = dict.fromkeys(condition for curves in panels.values() for condition in curves)
    order = sorted(conditions, key=lambda condition: (condition.noise, OVERLAPS.index(condition.overlap)))
    by_words = marks([condition.words for condition in order])
    return {condition: by_words[condition.words] for condition in order}


def _thinned(values: Sequence[float]) -> list[str]:
    # Names that would run into each other are left out; the points are in the table.
    least = (values[-1] - values[0]) / 12
    names: list[str] = []
    last = -np.inf
    for value in values:
        shown = value - last >= least
        names.append(f"{value:g}" if shown else "")
        last = value if shown else last
    return names


def _plain(value: Any) -> str | int | float:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _in_words(study: Study, panels: _Panels) -> str:
    parts = [
        f"{METRICS[metric]}, {condition.words}: "
        + ", ".join(f"{mean.value:.3f} at {_plain(value)}" for value, mean in points)
        for metric, curves in panels.items()
        for condition, points in curves.items()
    ]
    return f"{study.base} with other values of {study.setting}. {'; '.join(parts)}."
