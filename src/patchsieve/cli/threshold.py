"""`patchsieve threshold`: the operating points of a model, without a refit."""

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
    from patchsieve.decisions import OperatingPoint, OperatingPoints, Purpose

_COSTS = ("miss", "false_alarm", "prevalence")


def threshold(
    model_file: Model,
    false_alarms: Annotated[
        float | None, typer.Option(help="Share of good images that may raise an alarm, such as 0.005.")
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="A person has looked: no training image is defective.")
    ] = False,
    labelled: Annotated[
        Path | None, typer.Option(help="Labelled images, not trained on, for one of the goals that follow.")
    ] = None,
    recall: Annotated[
        float | None, typer.Option(help="Find at least this share of the defective images.")
    ] = None,
    precision: Annotated[
        float | None, typer.Option(help="Let at least this share of the alarms be right.")
    ] = None,
    f1: Annotated[bool, typer.Option("--f1", help="The highest F1.")] = False,
    youden: Annotated[bool, typer.Option("--youden", help="The highest recall minus false alarms.")] = False,
    cost: Annotated[
        str | None,
        typer.Option(help="The lowest mean cost: miss=50,false_alarm=1,prevalence=0.01 or the like."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="screening, final or critical; also the name of the point.")
    ] = None,
    value: Annotated[float | None, typer.Option(help="The threshold itself.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the point to make; without it the one in use is replaced.")
    ] = None,
    use: Annotated[str | None, typer.Option(help="The point that counts where none is named.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Only show the points.")] = False,
    format: Annotated[ReportFormat, typer.Option(help="How to print.")] = ReportFormat.table,
    layout: Layout = "auto",
    strict: Strict = False,
    device: Device = "auto",
) -> None:
    """Show, make and choose the operating points of a model; the model itself stays as it is."""
    from patchsieve.decisions import OperatingPoint
    from patchsieve.detectors.operating import PointsFile

    goals = _goals(recall, precision, f1=f1, youden=youden, cost=cost, profile=profile)
    asked = [
        flag for flag, given in (("--false-alarms", false_alarms), ("--value", value)) if given is not None
    ]
    if len(asked) + len(goals) > 1:
        raise typer.BadParameter("ask for one thing at a time", param_hint=" ".join([*asked, *goals]))
    _require_meaning(asked, goals, labelled, clean=clean, name=name, show=show, use=use)
    file = PointsFile.read(model_file)
    points = file.points
    chosen = name or profile or points.default
    if false_alarms is not None:
        point = OperatingPoint.for_false_alarms(
            chosen, file.training.scores, false_alarms, clean=clean, doubted=file.training.set_aside
        )
    elif value is not None:
        point = OperatingPoint.at(chosen, value)
    elif goals:
        assert labelled is not None, "required with a goal"
        (purpose,) = goals.values()
        point = _by_labels(model_file, chosen, purpose, labelled, layout, strict=strict, device=device)
    else:
        point = None
    if point is not None:
        points = points.with_point(point)
        _tell(point)
    if use is not None:
        points = points.using(use)
    if points != file.points:
        require_writable(model_file)
        file.write(model_file, points)
        say(f"model: {model_file}")
    _show(points, format)


def _goals(
    recall: float | None,
    precision: float | None,
    *,
    f1: bool,
    youden: bool,
    cost: str | None,
    profile: str | None,
) -> "dict[str, Purpose]":
    """Return the purposes asked for, by their flags."""
    from patchsieve.decisions import Purpose

    goals = {}
    if recall is not None:
        goals["--recall"] = Purpose("recall", recall)
    if precision is not None:
        goals["--precision"] = Purpose("precision", precision)
    if f1:
        goals["--f1"] = Purpose("f1")
    if youden:
        goals["--youden"] = Purpose("youden")
    if cost is not None:
        costs = parse_costs(cost)
        goals["--cost"] = Purpose(
            "cost", miss=costs["miss"], false_alarm=costs["false_alarm"], prevalence=costs["prevalence"]
        )
    if profile is not None:
        goals["--profile"] = Purpose("profile", profile=profile)
    return goals


def parse_costs(text: str) -> dict[str, float]:
    """Read "miss=50,false_alarm=1,prevalence=0.01". Raises `typer.BadParameter` where that is not what it is."""
    found: dict[str, float] = {}
    for part in text.split(","):
        key, _, number = part.strip().partition("=")
        try:
            found[key.strip()] = float(number)
        except ValueError:
            found[""] = 0.0
    if set(found) != set(_COSTS):
        raise typer.BadParameter(
            f"{text!r} does not give all three costs: write miss=50,false_alarm=1,prevalence=0.01, where a miss costs "
            "50 times a false alarm and one part in a hundred is defective",
            param_hint="--cost",
        )
    return found


def _require_meaning(
    asked: list[str],
    goals: "dict[str, Purpose]",
    labelled: Path | None,
    *,
    clean: bool,
    name: str | None,
    show: bool,
    use: str | None,
) -> None:
    """Raise `typer.BadParameter` for an option that would do nothing."""
    if goals and labelled is None:
        raise typer.BadParameter(
            f"{next(iter(goals))} needs labelled images: --labelled DIR", param_hint="--labelled"
        )
    if labelled is not None and not goals:
        raise typer.BadParameter(
            "say what for: --recall, --precision, --f1, --youden, --cost or --profile",
            param_hint="--labelled",
        )
    if clean and asked != ["--false-alarms"]:
        raise typer.BadParameter("it goes with --false-alarms, which follow from them", param_hint="--clean")
    if name is not None and not asked and not goals:
        raise typer.BadParameter(
            "say what the point shall be: --false-alarms 0.005, say", param_hint="--name"
        )
    if show and (asked or goals or use is not None):
        raise typer.BadParameter("it changes nothing: leave it out", param_hint="--list")


def _by_labels(
    model_file: Path, name: str, purpose: "Purpose", folder: Path, layout: str, *, strict: bool, device: str
) -> "OperatingPoint":
    from patchsieve.detectors import load
    from patchsieve.detectors.operating import point_by_labels
    from patchsieve.images import read_images

    model = load(model_file, device=device)
    images = read_images(folder, layout)
    with progress_bars(transient=True) as progress:
        point, seen = point_by_labels(model, name, purpose, images, strict=strict, progress=progress)
    if seen:
        warn(f"{seen} labelled images were in the training set and are left out")
    return point


def _tell(point: "OperatingPoint") -> None:
    say(f"{point.name}: threshold {point.threshold:.4g} ({point.rule})")
    for words in point.words:
        say(f"  {words}")


def _show(points: "OperatingPoints", format: ReportFormat) -> None:
    if format is ReportFormat.json:
        print(
            json.dumps({"default": points.default, "points": [asdict(point) for point in points]}, indent=2)
        )
        return
    table = Table("", "operating point", "threshold", "chosen by", box=None, pad_edge=False)
    for point in points:
        in_use = "in use" if point.name == points.default else ""
        table.add_row(in_use, point.name, plain(point.threshold), point.rule)
    out.print(table)
