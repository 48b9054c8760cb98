"""The report of a check for drift: one HTML file for whoever has to decide whether the line may go on."""

from datetime import datetime
from pathlib import Path

import numpy as np

from patchsieve.detectors import Detector
from patchsieve.evaluation.drift import (
    DriftReport,
    Finding,
    causes,
    change_in_words,
    headline,
    sentences,
)
from patchsieve.evaluation.drift.classifier_test import left_out_predictions
from patchsieve.evaluation.drift.findings import LOOK, SCORE
from patchsieve.files import write_bytes
from patchsieve.pictures.drift import figures
from patchsieve.pictures.drift.pairs import typical, worst
from patchsieve.pictures.pages import page_template
from patchsieve.pictures.rows import Picture, svg_uri

_AXES = {SCORE.name: "anomaly score", LOOK: "classifier (0 training, 1 today)"}


def write_drift_report(report: DriftReport, model: Detector, path: Path | str, *, title: str) -> None:
    """Write what a check for drift says as one HTML file, whole or not at all.

    Args:
        report: of `drift`.
        model: that was checked with; its training images are shown where their files are still in place.
        path: of the page.
        title: of the page.

    Raises:
        PatchSieveError: the file cannot be written.
    """
    text = page_template("drift.html").render(
        report=report,
        title=title,
        created=datetime.now().astimezone(),
        headline=headline(report),
        notes=report.notes,
        sentences=sentences(report),
        causes=causes(report),
        findings=[(each, change_in_words(each)) for each in report.by_figure()],
        figures=_figures(report),
        typical=typical(report, model) if report.drifted else (),
        worst=worst(report, model),
    )
    # A file name that is not UTF-8 carries surrogates, which no encoder takes.
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def _figures(report: DriftReport) -> list[Picture]:
    """Return a figure for each test, those that drifted first."""
    training = {statistic.name: values for statistic, values in report.training.figures()}
    today = {statistic.name: values for statistic, values in report.today.figures()}
    if report.training.pooled is not None and report.today.pooled is not None:
        training[LOOK], today[LOOK] = left_out_predictions(report.training.pooled, report.today.pooled)
    drawn = []
    for finding in sorted(report.by_figure(), key=lambda each: not each.drifted):
        before, now = (values[finding.name] for values in (training, today))
        svg = figures.shares(
            before[np.isfinite(before)],
            now[np.isfinite(now)],
            _AXES.get(finding.name, finding.name),
            drifted=finding.drifted,
            threshold=report.threshold if finding.name == SCORE.name else None,
        )
        drawn.append(
            Picture(_caption(finding), f"Training against today. {_caption(finding)}.", svg_uri(svg))
        )
    return drawn


def _caption(finding: Finding) -> str:
    change = change_in_words(finding)
    words = f"{finding.name}: {change}" if change else "look: the images as the backbone sees them"
    return f"{words} (drift)" if finding.drifted else words
