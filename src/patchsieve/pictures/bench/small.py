"""A small panel for each of many lines, the others behind it in grey: on one pair of axes none could be followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from patchsieve.pictures.bench.labels import short_names
from patchsieve.pictures.bench.lines import WIDTH, Ends, Line, draw_spread
from patchsieve.pictures.style import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# So many lines a reader tells apart on one pair of axes.
TOGETHER = 8
_LONGEST_NAME = 22
_COLUMNS = 5
_LEFT, _RIGHT, _GAP = 0.65, 0.2, 0.28
_SIDE = (WIDTH - _LEFT - _RIGHT - (_COLUMNS - 1) * _GAP) / _COLUMNS
_HEAD, _NAMES, _BETWEEN, _FOOT = 0.3, 0.36, 0.12, 0.6
# A label on the horizontal axis needs so much of it, in inches.
_LABEL = 0.34


@dataclass(frozen=True)
class Block:
    """Lines to be shown one by one on the same two scales.

    Attributes:
        title: above all panels.
        lines: at least one.
        notes: as many as there are lines: what stands below each name.
        across: label of the horizontal axis.
        up: label of the vertical axis.
        x_limits: ends of the horizontal axis.
        y_limits: ends of the vertical axis.
        ticks: where the horizontal axis is marked, rising, and what is written there.
        steps: whether a value holds until the next one.
        guide: ends `(x, y)`, `(x, y)` of a dotted line, what guessing gives; None for none.
    """

    title: str
    lines: Sequence[Line]
    notes: Sequence[str]
    across: str
    up: str
    x_limits: Ends
    y_limits: Ends
    ticks: Sequence[tuple[float, str]]
    steps: bool = False
    guide: tuple[tuple[float, float], tuple[float, float]] | None = None


def blocks_height(lines: Sequence[int]) -> float:
    """Return the height in inches of a figure of blocks below one another, with so many lines each."""
    return sum(_block_height(count) for count in lines)


def draw_blocks(figure: Figure, blocks: Sequence[Block]) -> None:
    """Draw blocks below one another on a figure that is `WIDTH` wide and `blocks_height` high."""
    top = figure.get_size_inches()[1]
    for block in blocks:
        _draw_block(figure, block, top)
        top -= _block_height(len(block.lines))


def _block_height(lines: int) -> float:
    rows = -(-lines // _COLUMNS)
    return _HEAD + rows * (_NAMES + _SIDE) + (rows - 1) * _BETWEEN + _FOOT


def _draw_block(figure: Figure, block: Block, top: float) -> None:
    wide, high = figure.get_size_inches()
    short = short_names([line.name for line in block.lines], _LONGEST_NAME)
    figure.text(_LEFT / wide, (top - 0.1) / high, block.title, fontsize=10, va="top")
    for index, line in enumerate(block.lines):
        row, column = divmod(index, _COLUMNS)
        left = _LEFT + column * (_SIDE + _GAP)
        bottom = top - _HEAD - (row + 1) * (_NAMES + _SIDE) - row * _BETWEEN
        axes = figure.add_axes((left / wide, bottom / high, _SIDE / wide, _SIDE / high))
        _frame(axes, block, first=column == 0, last=index + _COLUMNS >= len(block.lines))
        for other in block.lines:
            if other is not line:
                # As pixels: in an SVG each of them would be written out once for every panel.
                _plot(axes, block, other, color="#D2D2D2", linewidth=0.7, rasterized=True)
        _draw_own(axes, block, line)
        _name(axes, short[line.name], block.notes[index])


def _frame(axes: Axes, block: Block, *, first: bool, last: bool) -> None:
    axes.set(xlim=block.x_limits, ylim=block.y_limits)
    axes.grid(axis="y", color="#E3E3E3", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, labelleft=first, labelbottom=last)
    axes.set_xticks([at for at, _ in block.ticks], _thinned(block) if last else [""] * len(block.ticks))
    if first:
        axes.set_ylabel(block.up, fontsize=8)
    if last:
        axes.set_xlabel(block.across, fontsize=8)
    if block.guide is not None:
        axes.plot(*zip(*block.guide, strict=True), color=GREY, linestyle=":", linewidth=1)


def _thinned(block: Block) -> list[str]:
    """Return the marks' names without those that have no room between their neighbours; the last one stays."""
    low, high = block.x_limits
    room = _LABEL * (high - low) / _SIDE
    names, free, end = [], low - room, block.ticks[-1][0]
    for at, name in block.ticks:
        shown = at == end or (at >= free and at + room <= end)
        names.append(name if shown else "")
        free = at + room if shown else free
    return names


def _plot(axes: Axes, block: Block, line: Line, **look: Any) -> None:
    axes.plot(line.x, line.y, drawstyle="steps-post" if block.steps else "default", **look)


def _draw_own(axes: Axes, block: Block, line: Line) -> None:
    draw_spread(axes, line, BLUE)
    # The points of steps are single images, too many for markers.
    points = {} if block.steps else {"marker": "o", "markersize": 3.0}
    _plot(axes, block, line, color=BLUE, linewidth=1.5, **points)


def _name(axes: Axes, name: str, note: str) -> None:
    for above, text, colour in ((15, name, "black"), (4, note, GREY)):
        axes.annotate(
            text,
            (0, 1),
            xytext=(0, above),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            color=colour,
        )
