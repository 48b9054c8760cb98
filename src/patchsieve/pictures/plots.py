"""Figures of one model's scores as SVG text; the look of them is in `patchsieve.pictures.style`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from patchsieve.pictures.overlay import ColourScale, heat_map
from patchsieve.pictures.style import BLUE, GREY, INK, VERMILLION, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer] | npt.NDArray[np.bool_]

_SCORE = "anomaly score (feature distance, no unit)"
_BINS = 40
# Scores further above the threshold than this many times its height over the lowest go into the last bin.
_REACH = 5.0


def score_histogram(
    threshold: float,
    training: Floats | None = None,
    test: Floats | None = None,
    labels: Labels | None = None,
) -> str:
    """Draw how anomaly scores are distributed on both sides of the threshold.

    Args:
        threshold: the operating point.
        training: out-of-sample scores of the training images `[M]`.
        test: scores of the test images `[N]`.
        labels: 0 good, 1 defective `[N]`; without them the test images are drawn as one group.

    Returns:
        SVG text.

    Raises:
        ValueError: there is no score at all.
    """
    groups = _groups(training, test, labels)
    if not groups:
        raise ValueError("a histogram needs at least one score")
    edges, gathered = _bins(np.concatenate([group.scores for group in groups]), threshold)
    figure, axes = _figure(7.2, 3.2)
    for group in groups:
        counts, _ = np.histogram(np.minimum(group.scores, edges[-1]), edges)
        axes.stairs(counts, edges, fill=True, facecolor=f"{group.colour}40", hatch=group.hatch, linewidth=0)
        axes.stairs(
            counts, edges, color=group.colour, linewidth=1.4, label=f"{group.name}: {group.scores.size}"
        )
    axes.axvline(threshold, color=INK, linestyle="--", linewidth=1, label=f"threshold: {threshold:.4g}")
    axes.set_xlabel(f"{_SCORE}; the last bin holds all beyond" if gathered else _SCORE)
    axes.set_ylabel("images per bin")
    axes.legend(loc="upper right", edgecolor="none")
    return svg_text(figure)


def roc(labels: Labels, scores: Floats, threshold: float) -> str:
    """Draw the share of defective images found against the share of good ones rejected; return SVG text.

    Args:
        labels: 0 good, 1 defective `[N]`, both present.
        scores: anomaly scores `[N]`.
        threshold: marked on the curve.
    """
    from sklearn.metrics import roc_curve

    truth = np.asarray(labels).astype(bool)
    false_alarms, found, _ = roc_curve(truth, scores)
    figure, axes = _square("good images rejected (%)", "defective images found (%)")
    axes.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1, label="guessing")
    axes.plot(100 * false_alarms, 100 * found, color=BLUE, label="all thresholds")
    alarm = np.asarray(scores) > threshold
    _operating_point(axes, float(alarm[~truth].mean()), float(alarm[truth].mean()))
    axes.legend(frameon=False, loc="lower right")
    return svg_text(figure)


def precision_recall(labels: Labels, scores: Floats, threshold: float) -> str:
    """Draw the share of alarms that are right against the share of defective images found; return SVG text.

    Args:
        labels: 0 good, 1 defective `[N]`, both present.
        scores: anomaly scores `[N]`.
        threshold: marked on the curve, where it raises any alarm.
    """
    from sklearn.metrics import precision_recall_curve

    truth = np.asarray(labels).astype(bool)
    precision, recall, _ = precision_recall_curve(truth, scores)
    figure, axes = _square("defective images found (%)", "alarms that are right (%)")
    share = 100 * truth.mean()
    axes.axhline(share, color=GREY, linestyle=":", linewidth=1, label="guessing")
    # The last point is no threshold's but a convention: nothing found, every alarm right.
    axes.step(100 * recall[:-1], 100 * precision[:-1], where="post", color=BLUE, label="all thresholds")
    alarm = np.asarray(scores) > threshold
    if alarm.any():
        _operating_point(axes, float(alarm[truth].mean()), float(truth[alarm].mean()))
    axes.legend(frameon=False, loc="lower left")
    return svg_text(figure)


def ranked_scores(scores: Floats, threshold: float, sieved: Floats | None = None) -> str:
    """Draw the training images from most to least suspicious.

    Args:
        scores: out-of-sample scores of the training images `[N]`.
        threshold: images above it are suspects.
        sieved: share of each image's patches that the sieve took out `[N]`, 0 to 1; drawn below, in the same
            order, to show whether the sieve and the scores agree.

    Returns:
        SVG text.
    """
    order = np.argsort(-scores, kind="stable")
    ranks, ranked = np.arange(1, len(order) + 1), scores[order]
    figure, axes = _figure(7.2, 3.2 if sieved is None else 4.2)
    if sieved is not None:
        figure.clear()
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        below.vlines(ranks, 0, 100 * sieved[order], color=GREY, linewidth=max(0.4, 300 / len(order) / 2))
        below.set_ylabel("patches\nsieved (%)")
        below.set_ylim(0, None)
    suspect = ranked > threshold
    axes.plot(ranks, ranked, color=GREY, linewidth=1)
    axes.plot(ranks[~suspect], ranked[~suspect], "o", color=BLUE, markersize=3, label="below")
    label = f"above the threshold: {int(suspect.sum())}"
    axes.plot(ranks[suspect], ranked[suspect], "D", color=VERMILLION, markersize=4, label=label)
    axes.axhline(threshold, color=INK, linestyle="--", linewidth=1, label="threshold")
    axes.set_ylabel("anomaly score")
    axes.legend(loc="upper right", edgecolor="none")
    figure.axes[-1].set_xlabel("training images, most suspicious first (rank)")
    return svg_text(figure)


def colour_bar(scale: ColourScale, threshold: float) -> str:
    """Draw the legend of all maps on one scale, with the threshold marked; return SVG text."""
    figure, axes = _figure(7.2, 0.9)
    ramp = np.linspace(scale.low, scale.high, 256, dtype=np.float32)[None]
    axes.imshow(heat_map(ramp, scale), aspect="auto", extent=(scale.low, scale.high, 0, 1))
    marks = {scale.low: f"{scale.low:.3g}\nand less: normal", scale.high: f"{scale.high:.3g}\nand more"}
    if scale.low < threshold < scale.high:
        marks[threshold] = f"{threshold:.3g}\nthreshold"
        axes.axvline(threshold, color="white", linewidth=2)
    axes.set_xticks(list(marks), list(marks.values()))
    axes.set_yticks([])
    return svg_text(figure)


class _Group(NamedTuple):
    name: str
    scores: Floats
    colour: str
    hatch: str | None = None


def _groups(training: Floats | None, test: Floats | None, labels: Labels | None) -> list[_Group]:
    groups = []
    if training is not None:
        groups.append(_Group("training images (out of sample)", training, GREY))
    if test is not None and labels is None:
        groups.append(_Group("test images", test, BLUE))
    elif test is not None:
        truth = np.asarray(labels).astype(bool)
        groups.append(_Group("test images, good", test[~truth], BLUE))
        groups.append(_Group("test images, defective", test[truth], VERMILLION, "////"))
    return [group for group in groups if group.scores.size]


def _bins(scores: Floats, threshold: float) -> tuple[Floats, bool]:
    lowest, highest = min(float(scores.min()), threshold), max(float(scores.max()), threshold)
    # One enormous score must not squeeze all others into a single bin.
    end = threshold + _REACH * (threshold - lowest)
    gathered = lowest < end < highest
    top = end if gathered else highest
    return np.linspace(lowest, top if top > lowest else lowest + 1.0, _BINS + 1), gathered


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    return figure, axes


def _square(across: str, up: str) -> tuple[Figure, Axes]:
    figure, axes = _figure(3.6, 3.6)
    axes.set(xlabel=across, ylabel=up, xlim=(-2, 102), ylim=(-2, 102), aspect="equal")
    return figure, axes


def _operating_point(axes: Axes, across: float, up: float) -> None:
    axes.plot(
        100 * across, 100 * up, "D", color=VERMILLION, markersize=7, clip_on=False, label="at the threshold"
    )
