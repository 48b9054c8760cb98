"""How systems rank the images of one category: ROC and precision-recall curves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from patchsieve.pictures.bench.figure import BenchFigure, Table, canvas
from patchsieve.pictures.bench.labels import Floats, Mark, marks, short_names
from patchsieve.pictures.bench.lines import WIDTH, Line
from patchsieve.pictures.bench.scene import Scene
from patchsieve.pictures.bench.small import TOGETHER, Block, blocks_height, draw_blocks
from patchsieve.pictures.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Shares of 0 to 1 by system: alarms and defects found (ROC), recall and precision.
_Curves = dict[str, tuple[Floats, Floats, Floats, Floats]]
# Name, AUROC, average precision.
_Area = tuple[str, float, float]

_SIDE, _LEFT, _BETWEEN, _TOP, _BOTTOM = 3.3, 0.65, 0.85, 0.35, 0.55
_KEY_ROW = 0.2
_FEW = "The key is in the order of the AUROC."
_MANY = (
    "Each panel has one system's curve in colour and those of all others in grey, in the order of the AUROC."
)
# Room around 0 to 100 %, or lines at the ends would be cut.
_LIMITS = (-2.0, 102.0)


def ranking_curves(scene: Scene) -> BenchFigure | None:
    """Draw the ROC and the precision-recall curve of every system; None where no system has both kinds of images."""
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    if not scene.judged:
        return None
    areas, points = [], []
    curves: _Curves = {}
    for name, result in scene.judged.items():
        alarms, found, _ = roc_curve(result.labels, result.scores)
        precision, recall, _ = precision_recall_curve(result.labels, result.scores)
        # The last point is no threshold's but a convention: nothing found, every alarm right.
        curves[name] = (alarms, found, recall[:-1], precision[:-1])
        areas.append(
            (
                name,
                float(roc_auc_score(result.labels, result.scores)),
                float(average_precision_score(result.labels, result.scores)),
            )
        )
        points += [("roc", name, float(x), float(y)) for x, y in zip(alarms, found, strict=True)]
        points += [
            ("precision-recall", name, float(x), float(y))
            for x, y in zip(recall[:-1], precision[:-1], strict=True)
        ]
    best_first = sorted(areas, key=lambda row: -row[1])
    share = 100 * float(np.mean(next(iter(scene.judged.values())).labels))
    many = len(areas) > TOGETHER
    draw = _draw_small if many else _draw_together
    with canvas(WIDTH, blocks_height([len(areas)] * 2) if many else _height(best_first)) as figure:
        draw(figure, curves, best_first, share, marks(list(scene.results)))
        return BenchFigure.drawn(
            figure,
            name=f"curves-{scene.name}",
            title=f"ROC and precision-recall: {scene.title}",
            caption="The nearer a curve to the upper left corner (ROC) or the upper right one (precision and recall), "
            f"the better. Dotted: guessing. {_MANY if many else _FEW} Steps are single images.",
            alt=f"ROC and precision-recall curves of {scene.title}. "
            + "; ".join(
                f"{name}: AUROC {area:.3f}, average precision {ap:.3f}" for name, area, ap in best_first
            )
            + ".",
            table=Table(("curve", "system", "across", "up"), tuple(points)),
        )


def _draw_small(
    figure: Figure, curves: _Curves, best_first: list[_Area], share: float, styles: dict[str, Mark]
) -> None:
    block = partial(
        Block,
        x_limits=_LIMITS,
        y_limits=_LIMITS,
        ticks=[(at, f"{at:g}") for at in range(0, 101, 20)],
        steps=True,
    )
    roc = block(
        title="ROC",
        lines=[_line(name, *curves[name][:2], styles[name]) for name, *_ in best_first],
        notes=[f"AUROC {area:.3f}" for _, area, _ in best_first],
        across="good images rejected (%)",
        up="defective found (%)",
        guide=((0, 0), (100, 100)),
    )
    ranked = block(
        title="precision and recall",
        lines=[_line(name, *curves[name][2:], styles[name]) for name, *_ in best_first],
        notes=[f"average precision {precision:.3f}" for *_, precision in best_first],
        across="defective found (%)",
        up="alarms that are right (%)",
        guide=((0, share), (100, share)),
    )
    draw_blocks(figure, [roc, ranked])


def _line(name: str, x: Floats, y: Floats, mark: Mark) -> Line:
    return Line(name, 100 * x, 100 * y, np.full(len(x), np.nan), mark)


def _height(areas: list[_Area]) -> float:
    return _TOP + _SIDE + _BOTTOM + _KEY_ROW * (len(areas) + 1) + 0.1


def _draw_together(
    figure: Figure, curves: _Curves, best_first: list[_Area], share: float, styles: dict[str, Mark]
) -> None:
    high = _height(best_first)
    left, right = (
        figure.add_axes((at / WIDTH, (high - _TOP - _SIDE) / high, _SIDE / WIDTH, _SIDE / high))
        for at in (_LEFT, _LEFT + _SIDE + _BETWEEN)
    )
    _frame(left, "ROC", "good images rejected (%)", "defective images found (%)")
    _frame(right, "precision and recall", "defective images found (%)", "alarms that are right (%)")
    left.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1)
    right.axhline(share, color=GREY, linestyle=":", linewidth=1)
    for index, (name, (alarms, found, recall, precision)) in enumerate(curves.items()):
        _curve(left, 100 * alarms, 100 * found, styles[name], index)
        _curve(right, 100 * recall, 100 * precision, styles[name], index)
    key = _KEY_ROW * (len(best_first) + 1)
    _key(figure.add_axes((_LEFT / WIDTH, 0.02 / high, 1 - _LEFT / WIDTH, key / high)), best_first, styles)


def _frame(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set(xlabel=across, ylabel=up, xlim=_LIMITS, ylim=_LIMITS)
    axes.set_title(title, loc="left", fontsize=10)


def _curve(axes: Axes, x: Floats, y: Floats, mark: Mark, index: int) -> None:
    axes.plot(
        x,
        y,
        drawstyle="steps-post",
        color=mark.colour,
        linestyle=mark.line,
        linewidth=1.2,
        marker=mark.marker,
        markersize=4.5,
        # Beginning at different places, or the marks of similar curves would hide each other.
        markevery=(0.02 + 0.012 * (index % 10), 0.14),
    )


def _key(axes: Axes, rows: list[_Area], styles: dict[str, Mark]) -> None:
    short = short_names([name for name, _, _ in rows], 48)
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(-len(rows) - 0.6, 0.5))
    axes.text(0.08, 0, "detector", color=GREY, va="center")
    axes.text(0.58, 0, "AUROC", color=GREY, va="center", ha="right")
    axes.text(0.82, 0, "average precision", color=GREY, va="center", ha="right")
    for row, (name, area, precision) in enumerate(rows, 1):
        mark = styles[name]
        axes.plot(
            [0, 0.03, 0.06],
            [-row] * 3,
            color=mark.colour,
            linestyle=mark.line,
            marker=mark.marker,
            markevery=[1],
            markersize=4.5,
            linewidth=1.2,
        )
        axes.text(0.08, -row, short[name], va="center")
        axes.text(0.58, -row, f"{area:.3f}", va="center", ha="right")
        axes.text(0.82, -row, f"{precision:.3f}", va="center", ha="right")
