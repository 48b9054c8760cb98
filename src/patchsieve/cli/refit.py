"""`patchsieve refit`: a model again without the training images that a person dropped."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from patchsieve.cli.console import out, progress_bars, say, seconds_in_words
from patchsieve.cli.fit import tell_training
from patchsieve.cli.formats import CacheType, Device, ReportFormat
from patchsieve.cli.predict import Model
from patchsieve.errors import ImagesError
from patchsieve.files import require_writable

if TYPE_CHECKING:
    from patchsieve.detectors.refitting import Changes, Standing

_MOST_MOVES = 10


def refit(
    model_file: Model,
    marks_file: Annotated[
        Path, typer.Option("--marks", help="CSV of suspects --csv, its column mark filled in: keep or drop.")
    ],
    out_file: Annotated[Path, typer.Option("--out", help="The new model file.")],
    cache: Annotated[
        Path | None, typer.Option(help="Folder of embeddings; only what it lacks is embedded again.")
    ] = None,
    cache_dtype: Annotated[
        CacheType, typer.Option(help="How the cache keeps numbers, as it was given to fit.")
    ] = CacheType.float32,
    images: Annotated[
        Path | None, typer.Option(help="Where the training images are now, if they were moved.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --out if it is there.")] = False,
    format: Annotated[ReportFormat, typer.Option(help="How to print what changed.")] = ReportFormat.table,
    device: Device = "auto",
) -> None:
    """Fit a model again, with its settings and its training images, less those marked drop."""
    from patchsieve.detectors import load
    from patchsieve.detectors.refitting import refit as fit_again
    from patchsieve.images import read_marks

    require_new(out_file, overwrite=overwrite)
    require_writable(out_file)
    marks = read_marks(marks_file)
    if not marks.keep and not marks.drop:
        raise ImagesError(f"no image is marked in {marks_file}: write keep or drop into its column mark")
    model = load(model_file, device=device)
    with progress_bars() as progress:
        fresh, changes = fit_again(
            model,
            marks,
            folder=images,
            cache=cache,
            cache_dtype=cache_dtype.value,
            progress=progress,
        )
    fresh.save(out_file)
    count = changes.after.images
    say(
        f"{changes.embedded} of {count} images embedded again, {count - changes.embedded} from the cache, in "
        f"{seconds_in_words(changes.embedding_seconds)}; all in {seconds_in_words(changes.seconds)}"
    )
    if format is ReportFormat.json:
        print(json.dumps(changes.plain(), indent=2))
    else:
        _show(changes)
    tell_training(fresh)
    say(f"model: {out_file}")


def require_new(path: Path, *, overwrite: bool) -> None:
    """Raise `BadParameter` where a file is there that nobody has asked to replace."""
    if path.exists() and not overwrite:
        raise typer.BadParameter(f"{path} exists: name another file, or remove it")


def _show(changes: "Changes") -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("", "before", "after"):
        table.add_column(column)
    for name, before, after in zip(_NUMBERS, _numbers(changes.before), _numbers(changes.after), strict=True):
        table.add_row(name, before, after)
    out.print(table)
    if changes.dropped:
        out.print(f"dropped: {', '.join(changes.dropped)}")
    moved = [move for move in changes.moves if move.rank_before != move.rank_after][:_MOST_MOVES]
    if not moved:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("moved most", overflow="fold")
    for column in ("rank before", "after", "score before", "after"):
        table.add_column(column)
    for move in moved:
        table.add_row(
            move.image,
            str(move.rank_before),
            str(move.rank_after),
            f"{move.score_before:.4g}",
            f"{move.score_after:.4g}",
        )
    out.print()
    out.print(table)


_NUMBERS = ("training images", "threshold", "pixel threshold", "memory bank", "suspects", "kept by hand")


def _numbers(standing: "Standing") -> tuple[str, ...]:
    return (
        str(standing.images),
        f"{standing.threshold:.4g}",
        f"{standing.pixel_threshold:.4g}",
        "-" if standing.bank is None else f"{standing.bank:,} patches",
        str(standing.suspects),
        str(standing.kept),
    )
