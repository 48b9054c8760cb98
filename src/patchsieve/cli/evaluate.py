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

# Keys of the JSON, and what they are called in `PixelMetrics`.
_PIXEL_NAMES = {
    "pixel_auroc": "auroc",
    "pixel_average_precision": "average_precision",
    "pixel_f1_max": "f1_max",
    "pixel_f1_max_threshold": "f1_max_threshold",
    "aupro": "aupro",
    "defective_regions": "regions",
}
_WORDS = {
    "auroc": "AUROC",
    "f1": "F1",
    "f1_max": "best F1",
    "f1_max_threshold": "threshold of the best F1",
    "mcc": "MCC",
    "youden": "Youden's J",
    "youden_max": "best Youden's J",
    "youden_max_threshold": "threshold of the best Youden's J",
    "recall_at_1_percent": "recall at 1 % false alarms",
    "recall_at_5_percent": "recall at 5 % false alarms",
}


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
    """Print how well scores rank the images and maps outline the defects, and the verdicts at the threshold."""
    from patchsieve.detectors import load
    from patchsieve.evaluation import evaluate as judge
    from patchsieve.images import read_images
    from patchsieve.pictures import write_report
    from patchsieve.pictures.model_report import model_report

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
    image, pixel = evaluation.image, evaluation.pixel
    return {
        **asdict(image),
        "classes": {name: asdict(metrics) for name, metrics in image.classes.items()},
        **{name: getattr(pixel, field) for name, field in _PIXEL_NAMES.items()},
        "undefined": image.undefined
        | {name: pixel.undefined[field] for name, field in _PIXEL_NAMES.items() if field in pixel.undefined},
        "operating_points": {
            name: {"threshold": threshold, **asdict(costs)}
            for name, (threshold, costs) in evaluation.operating_points.items()
        },
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
    from patchsieve.evaluation.metrics import AT_THE_THRESHOLD

    image, pixel = evaluation.image, evaluation.pixel
    ranking = Table("at any threshold", "images", "pixels", box=None, pad_edge=False)
    ranking.add_row("AUROC", plain(image.auroc), plain(pixel.auroc))
    ranking.add_row("average precision", plain(image.average_precision), plain(pixel.average_precision))
    ranking.add_row("best F1", plain(image.f1_max), plain(pixel.f1_max))
    ranking.add_row("best Youden's J", plain(image.youden_max))
    ranking.add_row("recall at 1 % false alarms", plain(image.recall_at_1_percent))
    ranking.add_row("recall at 5 % false alarms", plain(image.recall_at_5_percent))
    ranking.add_row(f"AUPRO to {100 * pixel.aupro_limit:g} %", "", plain(pixel.aupro))
    out.print(ranking)
    out.print()
    verdicts = Table(f"at the threshold {plain(image.threshold)}", "images", box=None, pad_edge=False)
    for name in AT_THE_THRESHOLD:
        verdicts.add_row(_in_words(name), plain(getattr(image, name)))
    out.print(verdicts)
    out.print()
    columns = ("", "called good", "called defective", "precision", "recall", "F1")
    confusion = Table(*columns, box=None, pad_edge=False)
    called = {
        "good": (image.true_negatives, image.false_positives),
        "defective": (image.false_negatives, image.true_positives),
    }
    for name, metrics in image.classes.items():
        shares = (metrics.precision, metrics.recall, metrics.f1)
        confusion.add_row(name, *map(str, called[name]), *map(plain, shares))
    out.print(confusion)
    if len(evaluation.operating_points) > 1:
        show_points(evaluation)
    for reason in dict.fromkeys(image.undefined.values()):
        names = [_in_words(name) for name, why in image.undefined.items() if why == reason]
        warn(f"not defined, because {reason}: {', '.join(names)}")
    for note in evaluation.notes:
        warn(note)


def show_points(evaluation: "Evaluation") -> None:
    """Print what each operating point costs on these images."""
    columns = ("operating point", "threshold", "recall", "precision")
    table = Table(
        *columns, "false alarms per 1000 good", "misses per 100 defective", box=None, pad_edge=False
    )
    for name, (threshold, costs) in evaluation.operating_points.items():
        table.add_row(
            name,
            *map(plain, (threshold, costs.recall, costs.precision)),
            costs.false_alarms_text,
            costs.misses_text,
        )
    out.print()
    out.print(table)


def _in_words(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))
