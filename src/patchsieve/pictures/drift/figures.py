"""Figures of a check for drift as SVG text: training against today, share against share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from patchsieve.pictures.style import BLUE, GREY, INK, VERMILLION, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.floating]

_BINS = 24
# Values further out than this many spreads of the middle half go into the first or last bin.
_REACH = 4.0


def shares(
    training: Floats, today: Floats, name: str, *, drifted: bool = False, threshold: float | None = None
) -> str:
    """Draw how one figure is distributed in training and today, each as shares of its images; return SVG text.

    Args:
        training: `[N]`, N >= 1.
        today: `[M]`, M >= 1.
        name: of the figure.
        drifted: draws today in the colour of an alarm.
        threshold: a line at it.
    """
    figure, axes = _figure(3.5, 2.6)
    edges = _edges(training, today, threshold)
    colour = VERMILLION if drifted else BLUE
    for values, label, each, hatch in ((training, "training", GREY, None), (today, "today", colour, "////")):
        counts, _ = np.histogram(values.clip(edges[0], edges[-1]), edges)
        part = 100 * counts / len(values)
        axes.stairs(part, edges, fill=True, facecolor=f"{each}40", hatch=hatch, linewidth=0)
        axes.stairs(part, edges, color=each, linewidth=1.4, label=f"{label}: {len(values)}")
        axes.axvline(float(np.median(values)), color=each, linewidth=1, linestyle=":")
    if threshold is not None:
        axes.axvline(threshold, color=INK, linestyle="--", linewidth=1, label="threshold")
    axes.set(xlabel=name, ylabel="images (%)")
    # Above the bars: today and training may be anywhere.
    axes.set_ylim(0, 1.45 * axes.get_ylim()[1])
    axes.legend(loc="upper right", edgecolor="none", fontsize=8, ncols=2)
    return svg_text(figure)


def _edges(training: Floats, today: Floats, threshold: float | None) -> Floats:
    both = np.concatenate([training, today])
    lowest, low, high, highest = np.quantile(both, [0, 0.25, 0.75, 1])
    reach = _REACH * (high - low)
    first, last = max(lowest, low - reach), min(highest, high + reach)
    if threshold is not None:
        first, last = min(first, threshold), max(last, 1.05 * threshold)
    return np.linspace(first, last if last > first else first + 1.0, _BINS + 1)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()
