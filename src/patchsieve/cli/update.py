"""`patchsieve update`: a model goes on learning from images that a person has confirmed."""

from pathlib import Path
from typing import Annotated

import typer

from patchsieve.cli.console import progress_bars, say, warn
from patchsieve.cli.formats import Device, Layout, Strict
from patchsieve.cli.predict import Model
from patchsieve.files import require_writable


def update(
    model_file: Model,
    out_file: Annotated[Path, typer.Option("--out", help="The new model file; it must not exist yet.")],
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Images confirmed to be good.")] = None,
    defects: Annotated[
        Path | None, typer.Option(help="Folder of confirmed defects: what matches them leaves the model.")
    ] = None,
    layout: Layout = "auto",
    strict: Strict = False,
    device: Device = "auto",
) -> None:
    """Go on learning from confirmed images, without a fit of all; the model file that is there stays as it is."""
    from patchsieve.detectors import load
    from patchsieve.detectors.bank_detector import BankDetector
    from patchsieve.images import read_images

    if folder is None and defects is None:
        raise typer.BadParameter("name a folder of good images, or --defects, or both", param_hint="DIR")
    if out_file.exists():
        raise typer.BadParameter(
            f"{out_file} exists: name another file, so that the version before stays", param_hint="--out"
        )
    require_writable(out_file)
    model = load(model_file, device=device)
    if not isinstance(model, BankDetector):
        raise typer.BadParameter(
            f"{model_file} is a {model.system} model, which has no memory bank to update: fit it again",
            param_hint="MODEL",
        )
    skipped = len(model.training_.skipped)
    with progress_bars() as progress:
        # Defects first: nothing like them shall enter with the good images.
        if defects is not None:
            before = len(model.bank_)
            model.reject(read_images(defects, layout), strict=strict, progress=progress)
            say(
                f"{before - len(model.bank_)} of {before} patches of the memory bank match the defects and are out"
            )
        if folder is not None:
            known, threshold = len(model.training_.images), model.threshold_
            model.update(read_images(folder, layout), strict=strict, progress=progress)
            say(f"{len(model.training_.images) - known} images learnt from, {known} before")
            say(f"threshold: {model.threshold_:.4g}, {threshold:.4g} before")
    if left := model.training_.skipped[skipped:]:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        warn(f"left out {left[0].name} ({left[0].reason}){more}")
    model.save(out_file)
    say(f"model: {out_file}")
