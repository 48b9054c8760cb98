"""What each system called the images of one category at its threshold: counts and shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from patchsieve.evaluation.bench import CellResult
from patchsieve.pictures.bench.figure import BenchFigure, Table, canvas
from patchsieve.pictures.bench.labels import short_names
from patchsieve.pictures.bench.mosaic import Mosaic
from patchsieve.pictures.bench.scene import Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Counts = npt.NDArray[np.int64]

# Rows are the truth, columns the verdict.
_COUNTS = (("true_negatives", "false_positives"), ("false_negatives", "true_positives"))
_WORDS = (("passed", "false alarm"), ("missed", "found"))


def confusion(scene: Scene) -> BenchFigure | None:
    """Draw a two by two heat map of every system with verdicts; None where there is none."""
    counts = {
        name: matrix for name, result in scene.results.items() if (matrix := _matrix(result)) is not None
    }
    if not counts:
        return None
    short = short_names(list(counts), 30)
    mosaic = Mosaic(len(counts), 3, 1.9, 1.25, left=0.85, bottom=0.45, foot=0.0)
    with canvas(*mosaic.size) as figure:
        for (name, matrix), axes in zip(counts.items(), mosaic.axes(figure), strict=True):
            _draw(axes, matrix)
            axes.set_title(short[name], loc="left", fontsize=9)
        return BenchFigure.drawn(
            figure,
            name=f"confusion-{scene.name}",
            title=f"Verdicts at each threshold: {scene.title}",
            caption="Rows are the truth, columns what the detector called it at its own threshold, which it set from "
            "its training images. Shares are of a row; the darker, the larger. Right are upper left and lower right.",
            alt=f"Confusion matrices, {scene.title}. "
            + "; ".join(
                f"{name}: {m[1, 1]} of {m[1].sum()} defective found, {m[0, 1]} of {m[0].sum()} good rejected"
                for name, m in counts.items()
            )
            + ".",
            table=Table(
                ("system", "true_negatives", "false_positives", "false_negatives", "true_positives"),
                tuple((name, *map(int, matrix.ravel())) for name, matrix in counts.items()),
            ),
        )


def _matrix(result: CellResult) -> Counts | None:
    values = [[result.metrics.get(name) for name in row] for row in _COUNTS]
    if any(value is None for row in values for value in row):
        return None
    return np.array(values, np.int64)


def _draw(axes: Axes, matrix: Counts) -> None:
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="auto", interpolation="none")
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{count} {_words(row, column, int(count))}\n{100 * share:.0f} %"
            if totals[row, 0]
            else "no image",
            ha="center",
            va="center",
            color="white" if share > 0.85 else "black",
            fontsize=8.5,
        )
    axes.set_xticks([0, 1], ["called good", "called defect"])
    axes.set_yticks([0, 1], ["good", "defective"])
    axes.tick_params(length=0)


def _words(row: int, column: int, count: int) -> str:
    word = _WORDS[row][column]
    return f"{word}s" if word == "false alarm" and count != 1 else word
