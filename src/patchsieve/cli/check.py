"""`patchsieve check`: what a folder of images was understood to be."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from patchsieve.cli.console import out, progress_bars, warn
from patchsieve.cli.formats import Layout, ReportFormat
from patchsieve.images import Duplicates, InspectionReport, Skipped, inspect_images, read_images

_SHOWN = 5


def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of images.")],
    layout: Layout = "auto",
    format: Annotated[ReportFormat, typer.Option(help="How to print.")] = ReportFormat.table,
) -> None:
    """Say what a folder is: layout, splits, classes, sizes, unreadable files, duplicates, images in train and test."""
    images = read_images(folder, layout)
    with progress_bars(transient=True) as progress:
        report = inspect_images(images, progress=progress)
    if format is ReportFormat.json:
        print(json.dumps(asdict(report), default=str, indent=2))
    else:
        _print(report)


def _print(report: InspectionReport) -> None:
    out.print(f"{report.root}: {report.images} images, layout {report.layout}")
    table = Table("split", "class", "images", box=None, pad_edge=False)
    for row in report.classes:
        table.add_row(row.split or "-", row.label, str(row.images))
    out.print(table)
    sizes = ", ".join(f"{size.width} x {size.height} ({size.images})" for size in report.sizes[:_SHOWN])
    rest = len(report.sizes) - _SHOWN
    out.print(f"sizes: {sizes}{f' and {rest} more' if rest > 0 else ''}")
    out.print(
        f"modes: {_counts(report.modes)}; bits per channel: {_counts(report.bits)}; formats: {_counts(report.formats)}"
    )
    _list("unreadable", report.unreadable)
    _list("left out", report.skipped)
    _list("masks that do not fit", report.wrong_masks)
    _duplicates("exact duplicates", report.duplicates)
    _duplicates("in both train and test", report.across_splits)
    for warning in report.warnings:
        warn(warning)


def _counts(counts: dict[str, int] | dict[int, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items()) or "none"


def _list(title: str, skipped: tuple[Skipped, ...]) -> None:
    if not skipped:
        return
    out.print(f"{title}: {len(skipped)}")
    for skip in skipped[:_SHOWN]:
        out.print(f"  {skip.name}: {skip.reason}")
    if len(skipped) > _SHOWN:
        out.print(f"  and {len(skipped) - _SHOWN} more (--format json lists all)")


def _duplicates(title: str, groups: tuple[Duplicates, ...]) -> None:
    if not groups:
        return
    out.print(f"{title}: {len(groups)}")
    for group in groups[:_SHOWN]:
        how = "same file" if group.kind == "file" else "same pixels"
        out.print(f"  {' = '.join(group.names)} ({how})")
    if len(groups) > _SHOWN:
        out.print(f"  and {len(groups) - _SHOWN} more (--format json lists all)")
