"""How the scores of good and defective images lie on both sides of each system's threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from patchsieve.evaluation.bench import CellResult
from patchsieve.pictures.bench.figure import BenchFigure, Table, canvas
from patchsieve.pictures.bench.labels import short_names
from patchsieve.pictures.bench.mosaic import Mosaic
from patchsieve.pictures.bench.scene import Scene
from patchsieve.pictures.style import BLUE, INK, VERMILLION

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 24


def score_histograms(scene: Scene) -> BenchFigure | None:
    """Draw the histogram of every system's scores; None where there are no scores.

    Each panel has its own axis: the raw scores of two systems cannot be compared.
    """
    results = {name: result for name, result in scene.results.items() if len(result.scores)}
    if not results:
        return None
    short = short_names(list(results), 34)
    mosaic = Mosaic(len(results), 3, 2.5, 1.3, left=0.5, bottom=0.5)
    rows: list[tuple[str, float, float, int, int, float | None]] = []
    with canvas(*mosaic.size) as figure:
        for (name, result), axes in zip(results.items(), mosaic.axes(figure), strict=True):
            rows += [(name, *row) for row in _draw(axes, result)]
            axes.set_title(short[name], loc="left", fontsize=9)
            axes.set_xlabel("score", fontsize=8, labelpad=1)
        figure.axes[0].set_ylabel("images per bin")
        thresholds = any(row[-1] is not None for row in rows)
        _key(figure, mosaic.size, thresholds=thresholds)
        return BenchFigure.drawn(
            figure,
            name=f"scores-{scene.name}",
            title=f"Scores: {scene.title}",
            caption="Anomaly scores of the test images (across) and how many there are (up). A good detector keeps the "
            f"two groups apart{', and its threshold stands between them' if thresholds else ''}. Every panel has its "
            "own scale: the scores of two detectors cannot be compared. Hatched: defective.",
            alt=f"Histograms of scores, {scene.title}. "
            + "; ".join(_in_words(name, result) for name, result in results.items())
            + ".",
            table=Table(("system", "bin_from", "bin_to", "good", "defective", "threshold"), tuple(rows)),
        )


def _draw(axes: Axes, result: CellResult) -> list[tuple[float, float, int, int, float | None]]:
    threshold = result.metrics.get("threshold")
    scores = result.scores.astype(np.float64)
    shown = scores if threshold is None else np.append(scores, threshold)
    low, high = float(shown.min()), float(shown.max())
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    good, bad = (np.histogram(scores[result.labels == kind], edges)[0] for kind in (False, True))
    for counts, colour, hatch in ((good, BLUE, None), (bad, VERMILLION, "////")):
        axes.stairs(
            counts, edges, fill=True, facecolor=f"{colour}40", edgecolor=colour, hatch=hatch, linewidth=0
        )
        axes.stairs(counts, edges, color=colour, linewidth=1.1)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
    axes.locator_params(axis="y", integer=True, nbins=4)
    axes.locator_params(axis="x", nbins=5)
    return [
        (float(first), float(last), int(g), int(b), threshold)
        for first, last, g, b in zip(edges[:-1], edges[1:], good, bad, strict=True)
    ]


def _key(figure: Figure, size: tuple[float, float], *, thresholds: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Patch(facecolor=f"{BLUE}40", edgecolor=BLUE, label="good"),
        Patch(facecolor=f"{VERMILLION}40", edgecolor=VERMILLION, hatch="////", label="defective"),
    ]
    if thresholds:
        handles.append(Line2D([], [], color=INK, linestyle="--", linewidth=1, label="threshold"))
    figure.legend(
        handles=handles, loc="lower left", ncols=3, frameon=False, bbox_to_anchor=(0.02, 0.02 / size[1])
    )


def _in_words(name: str, result: CellResult) -> str:
    threshold = result.metrics.get("threshold")
    if threshold is None:
        return f"{name}: no threshold"
    above = result.scores > threshold
    found, alarms = int((above & result.labels).sum()), int((above & ~result.labels).sum())
    defective = int(result.labels.sum())
    return (
        f"{name}: above the threshold of {threshold:.4g} are {found} of {defective} defective "
        f"and {alarms} of {len(above) - defective} good images"
    )
