"""`patchsieve course`: the course project's protocol, on a folder with good, bad and unlabelled images."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from patchsieve.cli import settings
from patchsieve.cli.console import out, plain, progress_bars, say, warn
from patchsieve.cli.fit import build_detector
from patchsieve.cli.formats import DETECTOR_HELP, Device, Layout, ReportFormat, Strict

if TYPE_CHECKING:
    from patchsieve.evaluation.course import CourseResult

FIGURES = {
    "auroc": "image AUROC",
    "average_precision": "average precision",
    "f1_max": "best F1, with hindsight",
    "precision": "precision",
    "recall": "recall",
    "false_alarm_rate": "false alarm rate",
    "f1": "F1",
    "balanced_accuracy": "balanced accuracy",
    "threshold": "threshold for test",
}


def course(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with train/good, train/bad and an unlabelled test/.")
    ],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the two CSV files.")] = Path("results"),
    detector: Annotated[str | None, typer.Option(help=DETECTOR_HELP)] = None,
    threshold: Annotated[
        str,
        typer.Option(help="calibrated, a score such as 31.5, quantile:0.99 of the good images, or source."),
    ] = "calibrated",
    preset: Annotated[
        str | None, typer.Option(help="paper, padim, padim-star or course-project; see the manual.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any setting by its name; may be given several times."
        ),
    ] = None,
    format: Annotated[ReportFormat, typer.Option(help="How to print.")] = ReportFormat.table,
    layout: Layout = "auto",
    strict: Strict = False,
    device: Device | None = None,
) -> None:
    """Fit on train/good, and on good and bad together; judge both out of sample; predict the unlabelled test."""
    from patchsieve.evaluation.course import ThresholdRule, course_protocol
    from patchsieve.images import read_images

    rule = ThresholdRule.parse(threshold)
    flags = {"detector": detector, "device": device}
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    given = settings.joined(given, settings.assigned(assignments or []))
    model = build_detector(settings.merged(given, None, preset))
    with progress_bars(transient=True) as progress:
        result = course_protocol(
            read_images(folder, layout),
            model,
            threshold_rule=rule,
            out=out_dir,
            strict=strict,
            progress=progress,
        )
    if format is ReportFormat.json:
        print(json.dumps(as_json(result), indent=2))
    else:
        show_course(result)
    for path in result.files:
        say(f"written: {path}")


def as_json(result: "CourseResult") -> dict[str, Any]:
    """Return the figures for JSON."""
    return {
        "category": result.category,
        "threshold_rule": result.rule.meaning,
        "labelled": len(result.images),
        "test": len(result.test),
        "fits": {
            fit.name: {**asdict(fit.metrics), "test_alarms": int(fit.test_alarms.sum())}
            for fit in result.fits
        },
        "skipped": [asdict(one) for one in (*result.skipped, *result.test_skipped)],
        "notes": list(result.notes),
    }


def show_course(result: "CourseResult") -> None:
    """Print the figures for a person."""
    table = Table("fitted on", *[fit.name.replace("_", " ") for fit in result.fits], box=None, pad_edge=False)
    for name, title in FIGURES.items():
        table.add_row(title, *[plain(getattr(fit.metrics, name)) for fit in result.fits])
    figures = [fit.metrics for fit in result.fits]
    table.add_row("defects found", *[f"{one.true_positives} of {one.defective}" for one in figures])
    table.add_row("false alarms", *[f"{one.false_positives} of {one.good}" for one in figures])
    if len(result.test):
        alarms = [f"{int(fit.test_alarms.sum())} of {len(result.test)}" for fit in result.fits]
        table.add_row("test images called defective", *alarms)
    out.print(table)
    say(f"{result.rule.meaning}; labelled images are scored by models that have not seen them")
    for skip in (*result.skipped, *result.test_skipped)[:5]:
        warn(f"left out {skip.name}: {skip.reason}")
    more = len(result.skipped) + len(result.test_skipped) - 5
    if more > 0:
        warn(f"left out {more} more; the files list all")
    for note in result.notes:
        if note != result.rule.meaning:
            warn(note)
