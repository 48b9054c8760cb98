"""`patchsieve pixel-threshold`: where a model outlines what it finds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from patchsieve.cli.console import out, progress_bars, say, warn
from patchsieve.cli.formats import Device, Layout, Strict
from patchsieve.cli.predict import Model
from patchsieve.cli.refit import require_new
from patchsieve.files import require_writable

if TYPE_CHECKING:
    from patchsieve.evaluation import Evaluation


def pixel_threshold(
    model_file: Model,
    out_file: Annotated[Path, typer.Option("--out", help="The new model file.")],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Labelled images with masks; none are needed for --value."),
    ] = None,
    false_positives: Annotated[
        float | None, typer.Option(help="Share of good pixels that may be outlined, instead of the best F1.")
    ] = None,
    value: Annotated[
        float | None, typer.Option(help="The threshold itself, on the scale of the maps.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --out if it is there.")] = False,
    layout: Layout = "auto",
    strict: Strict = False,
    device: Device = "auto",
) -> None:
    """Set where regions are outlined: by masks, by a share of good pixels, by hand, or as fit did.

    With DIR the threshold is that of the best F1 of its pixels, or the one that --false-positives asks for. Without
    DIR and --value it is the one that fit finds without labels. Verdicts do not change.
    """
    from patchsieve.detectors import load

    if value is not None and (folder is not None or false_positives is not None):
        raise typer.BadParameter("--value is the threshold: it needs neither DIR nor --false-positives")
    if false_positives is not None and folder is None:
        raise typer.BadParameter("name a folder of labelled images to count good pixels in", param_hint="DIR")
    require_new(out_file, overwrite=overwrite)
    require_writable(out_file)
    model = load(model_file, device=device)
    before = model.pixel_threshold_
    if folder is None:
        model.pixel_threshold_ = model.unlabelled_pixel_threshold() if value is None else value
    else:
        from patchsieve.evaluation import best_f1_threshold, evaluate, false_positive_threshold
        from patchsieve.images import read_images

        with progress_bars(transient=True) as progress:
            evaluation = evaluate(model, read_images(folder, layout), strict=strict, progress=progress)
        model.pixel_threshold_ = (
            best_f1_threshold(evaluation)
            if false_positives is None
            else false_positive_threshold(evaluation, false_positives)
        )
        for note in evaluation.notes:
            warn(note)
        if evaluation.pixel.regions:
            _show(evaluation, before, model.pixel_threshold_)
            say("judged on the images that the threshold was found on: new images will be a little worse")
    model.save(out_file)
    say(f"pixel threshold: {model.pixel_threshold_:.4g}, {before:.4g} before; model: {out_file}")


def _show(evaluation: "Evaluation", before: float, after: float) -> None:
    from patchsieve.evaluation import outlining

    table = Table(box=None, pad_edge=False)
    for column in ("pixel threshold", "F1", "precision", "recall", "good pixels", "defects touched"):
        table.add_column(column)
    for threshold in (before, after):
        judged = outlining(evaluation, threshold)
        numbers = (judged.f1, judged.precision, judged.recall, judged.false_positives, judged.touched)
        table.add_row(f"{threshold:.4g}", *("-" if number is None else f"{number:.4g}" for number in numbers))
    out.print(table)
