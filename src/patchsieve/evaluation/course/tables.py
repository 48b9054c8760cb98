"""The two tables that the protocol writes.

Columns: ``image`` (name), ``fit`` ("good" or "good_and_bad": what was learnt from), ``label`` ("good" or "defect",
empty where nobody has said), ``score`` (raw anomaly score), ``threshold`` (what the score was held against),
``verdict`` ("good", "defect", or "skipped" for an image that was left out, whose figures are empty), ``out_of_sample``
("true" unless the model that gave the score has seen the image), ``note`` (why skipped).
"""

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchsieve.decisions import DEFECT, GOOD
from patchsieve.files import write_text
from patchsieve.images import Skipped

if TYPE_CHECKING:
    from patchsieve.evaluation.course.protocol import CourseResult

COLUMNS = ("image", "fit", "label", "score", "threshold", "verdict", "out_of_sample", "note")
SKIPPED = "skipped"

Row = dict[str, Any]


def training_rows(result: "CourseResult") -> list[Row]:
    """Return one row for each labelled image and fit, fit by fit, then one for each image that was left out."""
    rows = [
        _row(record.name, fit.name, record.defective, score, threshold, alarm, seen=False)
        for fit in result.fits
        for record, score, threshold, alarm in zip(
            result.images, fit.scores, fit.thresholds, fit.alarms, strict=True
        )
    ]
    return rows + _left_out(result.skipped)


def prediction_rows(result: "CourseResult") -> list[Row]:
    """Return one row for each test image and fit, fit by fit, then one for each image that was left out."""
    rows = [
        _row(record.name, fit.name, record.defective, score, fit.threshold, alarm, seen=not unseen)
        for fit in result.fits
        for record, score, alarm, unseen in zip(
            result.test, fit.test_scores, fit.test_alarms, fit.test_out_of_sample, strict=True
        )
    ]
    return rows + _left_out(result.test_skipped)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV with a header, whole or not at all; scores have all their digits. Raises `PatchSieveError`."""
    stream = StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, stream.getvalue())


def _row(
    name: str, fit: str, defective: bool | None, score: float, threshold: float, alarm: bool, *, seen: bool
) -> Row:
    return {
        "image": name,
        "fit": fit,
        "label": "" if defective is None else DEFECT if defective else GOOD,
        "score": float(score),
        "threshold": float(threshold),
        "verdict": DEFECT if alarm else GOOD,
        "out_of_sample": "false" if seen else "true",
        "note": "",
    }


def _left_out(skipped: Iterable[Skipped]) -> list[Row]:
    empty = dict.fromkeys(COLUMNS, "")
    return [empty | {"image": one.name, "verdict": SKIPPED, "note": one.reason} for one in skipped]
