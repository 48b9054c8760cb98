"""`patchsieve evaluate`: hold a model against labelled images."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from patchsieve.cli.console import out, plain, progress_bars, say, warn
from patchsieve.cli.formats import Device, Layout, ReportFormat, Strict
from patchsieve.cli.predict import Model
from patchsieve.files import require_writable

if TYPE_CHECKING:
    from patchsieve.evaluation import Evaluation


def evaluate(
    model_file: Model,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Labelled images; the test part is used.")],
    report: Annotated[
        Path | None, typer.Option(help="The HTML report; default: MODEL-evaluation.html.")
    ] = None,
    format: Annotated[ReportFormat, typer.Option(help="How to print.")] = ReportFormat.table,
    layout: Layout = "auto",
    strict: Strict = False,
    device: Device = "auto",
) -> None:
    """Print image AUROC, AP, pixel AUROC where there are masks, and the confusion at the stored threshold."""
    from patchsieve.detectors import load
    from patchsieve.evaluation import evaluate as judge
    from patchsieve.images import read_images
    from patchsieve.pictures import model_report, write_report

    model = load(model_file, device=device)
    report = report or model_file.with_name(f"{model_file.stem}-evaluation.html")
    require_writable(report)
    with progress_bars(transient=True) as progress:
        evaluation = judge(model, read_images(folder, layout), strict=strict, progress=progress)
    if format is ReportFormat.json:
        print(json.dumps(as_json(evaluation), indent=2))
    else:
        show_evaluation(evaluation)
    title, headline = f"{model_file.stem}: evaluated on {folder}", judgement_in_words(evaluation)
    write_report(model_report(model, title=title, headline=headline, evaluation=evaluation), report)
    say(f"report: {report}")


def as_json(evaluation: "Evaluation") -> dict[str, object]:
    """Return the figures of an evaluation for JSON."""
    return {
        **asdict(evaluation.image),
        "pixel_auroc": evaluation.pixel_auroc,
        "images": len(evaluation.result),
        "seen_in_training": evaluation.seen,
        "skipped": [asdict(skip) for skip in evaluation.result.skipped],
        "notes": list(evaluation.notes),
    }


def judgement_in_words(evaluation: "Evaluation") -> str:
    """Say in one sentence how the model did at its threshold."""
    image = evaluation.image
    return (
        f"Of {image.defective} defective images {image.true_positives} were found, "
        f"and {image.false_positives} of {image.good} good ones raised a false alarm."
    )


def show_evaluation(evaluation: "Evaluation") -> None:
    """Print an evaluation for a person."""
    image = evaluation.image
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("image AUROC", plain(image.auroc))
    table.add_row("average precision", plain(image.average_precision))
    table.add_row("pixel AUROC", plain(evaluation.pixel_auroc))
    table.add_row("threshold", plain(image.threshold))
    table.add_row("precision", plain(image.precision))
    table.add_row("recall", plain(image.recall))
    table.add_row("false alarm rate", plain(image.false_alarm_rate))
    out.print(table)
    confusion = Table("", "called good", "called defective", box=None, pad_edge=False)
    confusion.add_row("good", str(image.true_negatives), str(image.false_positives))
    confusion.add_row("defective", str(image.false_negatives), str(image.true_positives))
    out.print(confusion)
    for name, reason in image.undefined.items():
        warn(f"{name.replace('_', ' ')} is not defined: {reason}")
    for note in evaluation.notes:
        warn(note)
