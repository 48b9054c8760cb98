"""`patchsieve watch`: judge parts as they arrive."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, cast

import typer

from patchsieve.cli.console import out, say
from patchsieve.cli.formats import Device, EngineName
from patchsieve.runtime.streams import After

if TYPE_CHECKING:
    from patchsieve.detectors import Detector
    from patchsieve.runtime import ExportedModel, Model
    from patchsieve.runtime.streams import Outcome, Summary

_COLOURS = {"good": "green", "review": "yellow", "defect": "red", "broken": "magenta"}


def watch(
    model_file: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, or an exported model.")],
    target: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder, a video file, camera:0 or the URL of a stream.")
    ],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for results, journal, overlays and files.")],
    operating_point: Annotated[
        str | None, typer.Option(help="Name of the point whose threshold counts; see patchsieve threshold.")
    ] = None,
    review: Annotated[
        str | None, typer.Option(help="Leave to people: a share of good images such as 0.05, or interval.")
    ] = None,
    overlays: Annotated[
        bool, typer.Option("--overlays", help="Write what is not good with its heat map over it.")
    ] = False,
    after: Annotated[
        After, typer.Option(help="What becomes of files: stay, go to OUT/VERDICT, or be deleted.")
    ] = After.keep,
    recursive: Annotated[bool, typer.Option("--recursive", help="Watch the folders below as well.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End when all that is in the folder is done.")] = False,
    poll: Annotated[float, typer.Option(min=0.01, help="Seconds between two looks into the folder.")] = 1.0,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds for which a file must not change to be complete.")
    ] = 2.0,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds until an unchanging file that cannot be decoded is broken.")
    ] = 30.0,
    every: Annotated[
        str | None,
        typer.Option(help="Frames of a video or camera: one in 10, or one in 0.5s.", show_default="1s"),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Most images that are scored together.")] = 8,
    forget_after: Annotated[
        int, typer.Option(min=1, help="Days for which the journal knows files that were moved.")
    ] = 90,
    sink: Annotated[
        list[str] | None,
        typer.Option(help="mqtt://HOST/TOPIC, mqtts://, http:// or https:// URL; repeatable."),
    ] = None,
    spool_limit: Annotated[
        int, typer.Option(min=1, help="Most messages kept for a sink that does not answer.")
    ] = 100_000,
    device: Device = "auto",
    engine: Annotated[
        EngineName, typer.Option(help="What an exported model runs on; a model file runs on torch.")
    ] = EngineName.auto,
) -> None:
    """Judge files as they arrive in a folder, or frames of a video or camera, each once. Ctrl-C or SIGTERM ends it."""
    from patchsieve.runtime import open_model
    from patchsieve.runtime.streams import Scorer, WatchSettings
    from patchsieve.runtime.streams import watch as run

    settings = WatchSettings(
        recursive=recursive, poll=poll, settle=settle, patience=patience, once=once, after=after,
        every=every, batch_size=batch_size, forget_after=forget_after, sinks=tuple(sink or ()), spool_limit=spool_limit,
    )  # fmt: skip
    with _stopped_by_signals() as stop:
        model = open_model(model_file, device=device, engine=engine)
        scorer = Scorer(model, model_file.name, operating_point=operating_point, review=review)
        draw = _drawer(model) if overlays else None
        summary = run(scorer, target, out_dir, settings, stop=stop, draw=draw, show=_show, tell=say)
    say(_in_words(summary))


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Yield what SIGINT and SIGTERM set; a second one ends the program as if nothing had been arranged."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, end)
    try:
        yield stop
    finally:
        restore()


def _show(outcome: "Outcome") -> None:
    out.print(outcome.verdict.ljust(7), style=_COLOURS[outcome.verdict], end="")
    score = "-" if outcome.result is None else f"{outcome.result.scores[0]:.4g}"
    out.print(f"{score:>8}  {outcome.arrival.name}{f'  {outcome.note}' if outcome.note else ''}")


def _in_words(summary: "Summary") -> str:
    counts = [f"{summary.verdicts[verdict]} {verdict}" for verdict in _COLOURS if summary.verdicts[verdict]]
    if summary.repeated:
        counts.append(f"{summary.repeated} came again")
    found = f": {', '.join(counts)}" if counts else ""
    return f"{summary.verdicts.total()} parts in {summary.seconds:.0f} s{found}"


def _drawer(model: "Model") -> "Callable[[Outcome, Path], None]":
    """Return what writes the overlay of one outcome."""
    from patchsieve.pictures import FOUND_COLOUR, colour_scale, outline, overlay, place_map
    from patchsieve.pictures.files import write_picture

    scale = colour_scale(cast("Detector | ExportedModel", model))

    def draw(outcome: "Outcome", path: Path) -> None:
        result, pixels = outcome.result, outcome.arrival.pixels
        if result is None or pixels is None:
            return
        box = tuple(result.boxes[0].tolist())
        picture = overlay(pixels, result.maps[0], scale, box)
        found = place_map(result.maps[0], box, *picture.shape[:2]) > result.pixel_threshold
        write_picture(path, outline(picture, found, FOUND_COLOUR))

    return draw
