"""`patchsieve drift`: whether images still look like those of training."""

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
    from patchsieve.evaluation.drift import DriftReport


def drift(
    model_file: Model,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Today's images, folders of them.")],
    report: Annotated[Path | None, typer.Option(help="Write an HTML report with pictures there.")] = None,
    format: Annotated[ReportFormat, typer.Option(help="How to print.")] = ReportFormat.table,
    level: Annotated[float, typer.Option(help="Chance of a false alarm in one check.")] = 0.01,
    tolerated: Annotated[
        float, typer.Option(help="Share of today's images that may be defective and are no drift.")
    ] = 0.2,
    effect: Annotated[
        float, typer.Option(help="Smallest effect that counts: 0.5 is none, 1 all images different.")
    ] = 0.64,
    layout: Layout = "auto",
    strict: Strict = False,
    device: Device = "auto",
) -> None:
    """Say whether images still look like training: exit status 0 no drift, 1 drift, 2 no answer."""
    from patchsieve.detectors import load
    from patchsieve.evaluation.drift import Rules
    from patchsieve.evaluation.drift import drift as look
    from patchsieve.images import read_images

    rules = Rules(level=level, tolerated=tolerated, effect=effect)
    if report is not None:
        require_writable(report)
    model = load(model_file, device=device)
    images = read_images(paths[0] if len(paths) == 1 else paths, layout)
    with progress_bars(transient=True) as progress:
        found = look(model, images, rules, strict=strict, progress=progress)
    if format is ReportFormat.json:
        print(json.dumps(as_json(found), indent=2))
    else:
        _print(found)
    if report is not None:
        from patchsieve.pictures.drift import write_drift_report

        write_drift_report(found, model, report, title=f"{model_file.stem}: drift")
        say(f"report: {report}")
    if found.drifted:
        raise typer.Exit(1)


def as_json(found: "DriftReport") -> dict[str, object]:
    """Return an answer for JSON."""
    from patchsieve.evaluation.drift import causes, headline, sentences

    return {
        "verdict": found.verdict,
        "headline": headline(found),
        "sentences": list(sentences(found)),
        "causes": list(causes(found)),
        "images": len(found.today),
        "training_images": len(found.training),
        "score_ratio": found.score_ratio(),
        "threshold": found.threshold,
        "alarms": found.alarms,
        "training_alarms": found.training_alarms,
        "alarms_p_value": found.alarms_p_value,
        "outstanding": list(found.outstanding),
        "tests": [asdict(finding) for finding in found.findings],
        "rules": asdict(found.rules),
        "seen_in_training": list(found.seen),
        "skipped": [asdict(skip) for skip in found.skipped],
        "notes": list(found.notes),
    }


def _print(found: "DriftReport") -> None:
    from patchsieve.evaluation.drift import causes, change_in_words, headline, sentences

    out.print(headline(found))
    for sentence in sentences(found):
        out.print(f"- {sentence}")
    for cause in causes(found):
        out.print(f"look at: {cause}")
    if found.verdict == "defects":
        out.print(f"look at: {', '.join(found.outstanding[:10])}{', ...' if found.alarms > 10 else ''}")
    out.print()
    columns = ("", "direction", "training", "today", "change", "effect", "p (Holm)", "")
    table = Table(*columns, box=None, pad_edge=False)
    for finding in found.by_figure():
        table.add_row(
            finding.name,
            finding.direction,
            plain(finding.training),
            plain(finding.today),
            change_in_words(finding),
            f"{finding.effect:.2f}",
            plain(finding.p_holm),
            "drift" if finding.drifted else "",
        )
    out.print(table)
    for skip in found.skipped:
        warn(f"left out {skip.name}: {skip.reason}")
    for note in found.notes:
        warn(note)
