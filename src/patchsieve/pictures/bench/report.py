"""The report of a bench: one page that needs no other file, and beside it every picture and its numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from patchsieve.evaluation.bench import CellResult, Certainty
from patchsieve.files import write_bytes
from patchsieve.pictures.bench.board import Board
from patchsieve.pictures.bench.confusion import confusion
from patchsieve.pictures.bench.figure import BenchFigure, BenchTable, clean_name
from patchsieve.pictures.bench.gaps import gap_figure, gap_table
from patchsieve.pictures.bench.histograms import score_histograms
from patchsieve.pictures.bench.noise_curves import noise_curves
from patchsieve.pictures.bench.notes import headline, notes
from patchsieve.pictures.bench.rankings import ranking_curves
from patchsieve.pictures.bench.scene import scene, shown_condition
from patchsieve.pictures.bench.settings import setting_figure, studies
from patchsieve.pictures.bench.tables import (
    comparison_table,
    failures_table,
    metrics_table,
    results_table,
    timing_table,
)
from patchsieve.pictures.pages import page_template
from patchsieve.pictures.rows import svg_uri

Item = BenchFigure | BenchTable

_TABLED = ("image_auroc", "pixel_auroc", "aupro", "suspects_auroc")
_CURVED = ("image_auroc", "pixel_auroc")
# Bytes of a file name: every file system takes 255, and a temporary file's name is longer.
_LONGEST_NAME = 180


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        anchor: of its heading.
        title: its heading.
        text: what it is about, or why there is nothing in it.
        items: figures and tables, in order.
    """

    anchor: str
    title: str
    text: str
    items: tuple[Item, ...]


def write_bench_report(
    results: Sequence[CellResult],
    folder: Path | str,
    *,
    title: str = "PatchSieve bench",
    created: datetime | None = None,
    certain: Sequence[Certainty] = (),
    tables: Sequence[BenchTable] = (),
    examples: Sequence[BenchFigure] = (),
) -> Path:
    """Write `report.html`, and every figure as `figures/NAME.svg`, `.png` and `.csv`; tables as `.csv`.

    What the results do not hold (masks, several seeds, several noise rates, a clean fit) makes the report smaller, and
    a sentence says why. Each file is written whole or not at all, the page last.

    Args:
        results: of any cells, failures among them; of two for one experiment the later one counts.
        folder: made if it is missing.
        title: of the page.
        created: when; None for now.
        certain: confidence intervals and paired comparisons; shown are those without noise and at the rate that is
            shown where only one can be.
        tables: further tables for the section on results, e.g. the published figures beside these.
        examples: pictures of single models, from `patchsieve.pictures.bench.examples`.

    Returns:
        The page.

    Raises:
        PatchSieveError: a file cannot be written.
    """
    folder, board = Path(folder), Board(results)
    # A matrix and a column for every rate would bury the rest.
    certain = [known for known in certain if known.noise in (0, board.noisy_rate(known.overlap))]
    sections = _sections(board, certain, tables, examples)
    items = [item for section in sections for item in section.items]
    names = dict(zip(map(id, items), _file_names([item.name for item in items]), strict=True))
    for item in items:
        target = folder / "figures" / names[id(item)]
        _write(target, ".csv", item.table.csv())
        if isinstance(item, BenchFigure):
            _write(target, ".svg", item.svg)
            write_bytes(_with_ending(target, ".png"), item.png)
    page = page_template("bench.html").render(
        title=title,
        created=created or datetime.now().astimezone(),
        headline=headline(board),
        notes=notes(board, intervals=any(known.intervals for known in certain)),
        sections=sections,
        files=lambda item: names[id(item)],
        uri=svg_uri,
        is_figure=lambda item: isinstance(item, BenchFigure),
    )
    # A name that is not UTF-8 carries surrogates, which no encoder takes.
    write_bytes(folder / "report.html", page.encode("utf-8", "backslashreplace"))
    return folder / "report.html"


def _sections(
    board: Board, certain: Sequence[Certainty], tables: Sequence[BenchTable], examples: Sequence[BenchFigure]
) -> list[Section]:
    compared = board.of(board.compared)
    parts: list[tuple[str, str, str, Iterator[Item | None]]] = [
        (
            "results",
            "Results",
            "Every detector in every condition, as an average over categories.",
            _results(compared if compared.systems else board, certain, tables),
        ),
        (
            "noise",
            "What noise does",
            "The noise rate is the number of defective training images for each good one.",
            _noise(compared, certain),
        ),
        ("gaps", "What noise costs, category by category", "", _gaps(compared)),
        (
            "settings",
            "Settings",
            "One setting varied, all others as they were.",
            (setting_figure(board, study) for study in studies(board)),
        ),
        (
            "runs",
            "Single runs",
            "One seed and one condition of each category: how the detectors rank the test images, and what they call "
            "them.",
            _runs(compared),
        ),
        (
            "examples",
            "Examples",
            "Pictures of the first detector in one condition: what it learnt from, and what it found.",
            iter(examples),
        ),
        ("timing", "Time and size", "", iter([timing_table(board)])),
        ("failures", "Failures", "", iter([failures_table(board)])),
    ]
    every = [
        Section(anchor, title, text, tuple(item for item in items if item is not None))
        for anchor, title, text, items in parts
    ]
    return [section for section in every if section.items]


def _results(
    board: Board, certain: Sequence[Certainty], tables: Sequence[BenchTable]
) -> Iterator[Item | None]:
    for metric in _TABLED:
        for overlap in board.overlaps:
            yield results_table(board, metric, overlap, certain)
    yield from map(comparison_table, certain)
    yield from tables
    for overlap in board.overlaps:
        rate = board.noisy_rate(overlap)
        yield metrics_table(board, 0.0 if rate is None else rate, overlap)


def _noise(board: Board, certain: Sequence[Certainty]) -> Iterator[Item | None]:
    for metric in _CURVED:
        yield noise_curves(board, metric)
    if len(board.places) > 1:
        for place in board.places:
            for metric in _CURVED:
                yield noise_curves(board, metric, place)
                for overlap in board.overlaps:
                    yield results_table(board, metric, overlap, certain, place)


def _gaps(board: Board) -> Iterator[Item | None]:
    for metric in _CURVED:
        for overlap in board.overlaps:
            rate = board.noisy_rate(overlap)
            if rate is not None:
                yield gap_figure(board, metric, rate, overlap)
                yield gap_table(board, metric, rate, overlap)


def _runs(board: Board) -> Iterator[Item | None]:
    condition = shown_condition(board)
    if condition is None:
        return
    for place in board.places:
        one = scene(board, place, condition)
        yield ranking_curves(one)
        yield score_histograms(one)
        yield confusion(one)


def _file_names(names: Sequence[str]) -> list[str]:
    """Return a name for the files of each item: safe, not too long, no two alike whatever the case."""
    taken: set[str] = set()
    found = []
    for name in names:
        base = clean_name(name) or "figure"
        base = base.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")
        unique, copy = base, 1
        while unique.casefold() in taken:
            copy += 1
            unique = f"{base}-{copy}"
        taken.add(unique.casefold())
        found.append(unique)
    return found


def _write(target: Path, ending: str, text: str) -> None:
    write_bytes(_with_ending(target, ending), text.encode("utf-8", "backslashreplace"))


def _with_ending(target: Path, ending: str) -> Path:
    # Not `with_suffix`: a name may hold dots of its own, as in noise0.1.
    return target.with_name(target.name + ending)
