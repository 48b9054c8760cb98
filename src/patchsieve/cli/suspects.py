"""`patchsieve suspects`: the training images that look defective."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patchsieve.cli.console import say
from patchsieve.cli.formats import RowsFormat
from patchsieve.cli.predict import Model
from patchsieve.cli.refit import require_new
from patchsieve.cli.tables import csv_text, show
from patchsieve.decisions.rows import COLUMNS, Row, rows_of
from patchsieve.files import require_writable, write_text
from patchsieve.images.marks import MARK_COLUMN

if TYPE_CHECKING:
    from patchsieve.decisions import Result
    from patchsieve.detectors import Detector

_MOST_NAMED = 5
# Wide enough for most captions.
_TILE = 300


def suspects(
    model_file: Model,
    top: Annotated[
        int | None, typer.Option(help="How many to show; default: those above the threshold.", min=1)
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for suspects.csv and pictures.")
    ] = None,
    marks: Annotated[
        Path | None,
        typer.Option("--csv", help="The list with an empty column mark: write keep or drop, then refit."),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="Folder for a picture of each: its worst patch, normal patches beside it."),
    ] = None,
    format: Annotated[RowsFormat, typer.Option(help="How to print.")] = RowsFormat.table,
) -> None:
    """Rank the training images by how defective they look to models that did not see them.

    Mark them keep or drop in the file of --csv and give it to refit as --marks.
    """
    from patchsieve.detectors import load

    if marks is not None:
        require_new(marks, overwrite=False)
        require_writable(marks)
    if out_dir is not None:
        require_writable(out_dir / "suspects.csv")
    if evidence is not None:
        require_writable(evidence / "001.png")
    model = load(model_file, device="cpu")
    ranked = model.suspects(top)
    # Files that fit could not read are not suspects.
    rows = [row for row in rows_of(ranked) if row["image"] in set(ranked.images.names)]
    dropped = set(model.dropped_images)
    for row in rows:
        if row["image"] in dropped:
            row["note"] = model.why_dropped
    show(rows, format)
    _tell(model, len(rows))
    if marks is not None:
        _write_marks(rows, marks, model_file)
    if evidence is not None and rows:
        _write_evidence(model, ranked, evidence)
    if out_dir is not None and rows:
        write_text(out_dir / "suspects.csv", csv_text(rows))
        say(f"list: {out_dir / 'suspects.csv'}")
        _pictures(model, ranked, out_dir)


def _tell(model: "Detector", count: int) -> None:
    kept = model.training_.kept
    if kept:
        more = ", ..." if len(kept) > _MOST_NAMED else ""
        say(f"{len(kept)} more are no suspects, kept by hand: {', '.join(kept[:_MOST_NAMED])}{more}")
    if not count:
        say(
            f"no training image is above the threshold {model.threshold_:.4g}; --top 20 shows the highest anyway"
        )


def _write_marks(rows: list[Row], marks: Path, model_file: Path) -> None:
    text = csv_text([row | {MARK_COLUMN: ""} for row in rows], (*COLUMNS, MARK_COLUMN))
    # Excel takes a CSV for UTF-8 by its byte-order mark only.
    write_text(marks, f"\ufeff{text}")
    say(f"to be marked: {marks}; then patchsieve refit {model_file} --marks {marks} --out NEW.sieve")


def _pictures(model: "Detector", ranked: "Result", out_dir: Path) -> None:
    from patchsieve.errors import BrokenImageError
    from patchsieve.images import decode
    from patchsieve.pictures import colour_scale, contact_sheet, overlay
    from patchsieve.pictures.files import write_picture

    scale = colour_scale(model)
    cells, captions = [], []
    for index, record in enumerate(ranked.images):
        try:
            pixels = decode(record)
        except BrokenImageError as error:
            say(f"no picture of {record.name}: {error.reason}")
            continue
        left, top, right, bottom = ranked.boxes[index].tolist()
        marked = overlay(pixels, ranked.maps[index], scale, (left, top, right, bottom))
        write_picture(out_dir / f"{index + 1:03d}_{Path(record.name).stem}.png", marked)
        cells.append((pixels, marked))
        captions.append(f"{index + 1}. {record.name}  {ranked.scores[index]:.3g}")
    if cells:
        write_picture(out_dir / "suspects.png", contact_sheet(cells, captions))
        say(f"pictures: {out_dir / 'suspects.png'} and one for each")


def _write_evidence(model: "Detector", ranked: "Result", folder: Path) -> None:
    from patchsieve.pictures import contact_sheet
    from patchsieve.pictures.files import write_picture
    from patchsieve.pictures.model_report import suspect_cutouts

    found = suspect_cutouts(model, ranked)
    for index, name in enumerate(ranked.images.names, start=1):
        if name not in found:
            say(f"no picture of {name}: it cannot be read any more")
            continue
        captions = [cutout.caption for cutout in found[name]]
        sheet = contact_sheet(
            [[cutout.pixels] for cutout in found[name]], captions, columns=len(captions), tile=_TILE
        )
        write_picture(folder / f"{index:03d}_{Path(name).stem}.png", sheet)
    say(f"evidence: {len(found)} pictures in {folder}")
