"""The report: one HTML file that needs no other file, for whoever has to decide what happens on Monday."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from patchsieve.files import write_bytes
from patchsieve.images.collection import Skipped
from patchsieve.pictures import plots
from patchsieve.pictures.overlay import ColourScale
from patchsieve.pictures.pages import page_template
from patchsieve.pictures.rows import (
    Outcome,
    Picture,
    ReportImage,
    Row,
    judged_outcome,
    report_row,
    suspect_outcome,
    svg_uri,
)

if TYPE_CHECKING:
    # For their types alone: scikit-learn, which they bring, is slow to import.
    from patchsieve.evaluation.metrics import ImageMetrics, PixelMetrics

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer] | npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class NextStep:
    """Something the reader may do now, and the command for it where there is one."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a report says. What is empty or None leaves no trace in the page, not even a heading.

    Attributes:
        title: of the page.
        created: when, with a time zone if the reader should see one.
        headline: one or two plain sentences: what was learnt from what, and what came out.
        scale: the one colour scale of all maps in the report.
        threshold: the operating point; scores above it are alarms.
        pixel_threshold: what is higher on a map is outlined; None for `threshold`.
        next_steps: what the reader may do now, most useful first.
        warnings: what the reader must know before trusting the rest, one sentence each.
        facts: (label, value) pairs for the summary table.
        training_scores: out-of-sample scores of all training images `[M]`.
        sieved_shares: share of each training image's patches that the sieve took out `[M]`, 0 to 1.
        suspects: training images that look most defective, worst first.
        test_scores: anomaly scores of all test images `[N]`.
        test_labels: 0 good, 1 defective `[N]`.
        image_metrics: the test scores judged by the labels.
        pixel_metrics: the test maps judged by the masks.
        worst: test images where the score contradicts the label most (`worst_and_best` chooses them).
        best: test images where both agree best.
        skipped: files that were left out.
        config: the exact configuration as YAML.
        versions: package to version.
        timings: stage to seconds, in order.
    """

    title: str
    created: datetime
    headline: str
    scale: ColourScale
    threshold: float
    pixel_threshold: float | None = None
    next_steps: tuple[NextStep, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    training_scores: Floats | None = None
    sieved_shares: Floats | None = None
    suspects: tuple[ReportImage, ...] = ()
    test_scores: Floats | None = None
    test_labels: Labels | None = None
    image_metrics: "ImageMetrics | None" = None
    pixel_metrics: "PixelMetrics | None" = None
    worst: tuple[ReportImage, ...] = ()
    best: tuple[ReportImage, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    config: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)


def write_report(report: Report, path: Path | str) -> None:
    """Write the report as one HTML file, whole or not at all.

    Raises:
        PatchSieveError: the file cannot be written.
    """
    # A file name that is not UTF-8 carries surrogates, which no encoder takes.
    write_bytes(path, render(report).encode("utf-8", "backslashreplace"))


def render(report: Report) -> str:
    """Return the report as the text of an HTML page: images and figures embedded, every name escaped."""

    def rows(images: tuple[ReportImage, ...], outcome: Callable[[ReportImage, float], Outcome]) -> list[Row]:
        limit, pixels = report.threshold, report.pixel_threshold
        pixels = limit if pixels is None else pixels
        return [report_row(i, report.scale, limit, pixels, outcome(i, limit)) for i in images]

    return page_template("report.html").render(
        title=report.title,
        created=report.created,
        headline=" ".join(filter(None, (report.headline, _training_sentence(report)))),
        notes=report.warnings,
        report=report,
        suspects=rows(report.suspects, suspect_outcome),
        worst=rows(report.worst, judged_outcome),
        best=rows(report.best, judged_outcome),
        legend=svg_uri(plots.colour_bar(report.scale, report.threshold)),
        training=_training_sentence(report),
        training_figures=_training_figures(report),
        curves=_curves(report),
        histogram=_histogram(report),
    )


def _training_sentence(report: Report) -> str | None:
    if report.training_scores is None:
        return None
    above, total = int(np.sum(report.training_scores > report.threshold)), len(report.training_scores)
    if not above:
        return f"None of the {total} training images scores above the threshold of {report.threshold:.4g}."
    verb = "scores" if above == 1 else "score"
    return f"{above} of the {total} training images {verb} above the threshold of {report.threshold:.4g}."


def _training_figures(report: Report) -> list[Picture]:
    if report.training_scores is None or not len(report.training_scores):
        return []
    svg = plots.ranked_scores(report.training_scores, report.threshold, report.sieved_shares)
    alt = f"Scores of the training images in falling order. {_training_sentence(report)}"
    return [Picture("Training images, most suspicious first", alt, svg_uri(svg))]


def _histogram(report: Report) -> Picture | None:
    sets = [scores for scores in (report.training_scores, report.test_scores) if scores is not None]
    if not any(len(scores) for scores in sets):
        return None
    svg = plots.score_histogram(
        report.threshold, report.training_scores, report.test_scores, report.test_labels
    )
    shares = [f"{100 * np.mean(scores > report.threshold):.3g} %" for scores in sets if len(scores)]
    alt = f"Histogram of scores; above the threshold: {' and '.join(shares)} of the images."
    return Picture("How the scores are distributed", alt, svg_uri(svg))


def _curves(report: Report) -> list[Picture]:
    metrics, labels, scores = report.image_metrics, report.test_labels, report.test_scores
    if metrics is None or labels is None or scores is None or metrics.auroc is None:
        return []
    roc = plots.roc(labels, scores, report.threshold)
    pr = plots.precision_recall(labels, scores, report.threshold)
    return [
        Picture("ROC curve", f"ROC curve; area {metrics.auroc:.3f}.", svg_uri(roc)),
        Picture(
            "Precision and recall",
            f"Precision-recall curve; average precision {metrics.average_precision:.3f}.",
            svg_uri(pr),
        ),
    ]
