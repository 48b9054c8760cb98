"""Where cells are run: in this process, or in several side by side. No failure ends the rest."""

import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from patchsieve.errors import PatchSieveError
from patchsieve.evaluation.bench.cells import Cell, CellResult
from patchsieve.evaluation.bench.plan import Category
from patchsieve.evaluation.bench.running import Prepared, Running, fit_cell, judge, prepare
from patchsieve.evaluation.bench.workers import Died, Workers
from patchsieve.progress import SILENT, Progress


@dataclass(frozen=True)
class Share:
    """Cells of one category whose systems learn from the same features.

    Attributes:
        category: what they are about.
        extraction: what decides about the features, as text.
        content: hash of what the cells depend on beside their settings.
        cells: still to be run.
    """

    category: Category
    extraction: str
    content: str
    cells: tuple[Cell, ...]

    def prepared(self, running: Running, progress: Progress = SILENT) -> Prepared | str:
        """Return what the cells learn from, or in words why there is none."""
        try:
            return prepare(self.category, self.cells[0].system, running, progress)
        except Exception as error:
            return _in_words(error)

    def lessons(self) -> "list[Share]":
        """Return the share in parts whose cells learn from the same images, and so are run one after the other.

        These are a system's cells with overlap and without, of a rate and seed: the one with overlap first, as it is
        judged by all the images that the other is judged by. Augmented copies are another lesson.
        """
        found: dict[tuple[str, float, int, str], list[Cell]] = {}
        for cell in self.cells:
            condition = cell.condition
            copies = "same" if condition.overlap == "none" else condition.overlap
            found.setdefault((cell.system.name, condition.noise, condition.seed, copies), []).append(cell)
        return [
            replace(self, cells=tuple(sorted(cells, key=lambda cell: cell.condition.overlap == "none")))
            for cells in found.values()
        ]


# Shown for the cells of a process that died.
_DIED = (
    "the process that ran it ended; too little memory is the usual reason: use fewer --workers, or a smaller "
    "bank_size"
)

Found = Generator[tuple[Share, CellResult], None, None]
# Runs all cells of some shares, and yields what came of each as it comes.
Engine = Callable[[Sequence[Share], Running, Progress], Found]


def tried(lesson: Share, prepared: Prepared | str, running: Running) -> Generator[CellResult, None, None]:
    """Run the cells of a lesson; where one cannot be, its result says so, as where nothing could be prepared."""
    fitted = None
    for cell in lesson.cells:
        if isinstance(prepared, str):
            yield CellResult(cell, failure=prepared)
            continue
        try:
            fitted = fit_cell(cell, prepared, running, fitted)
            result = judge(cell, fitted, prepared, running)
        except Exception as error:
            result = CellResult(cell, failure=_in_words(error))
        yield result


def alone(shares: Sequence[Share], running: Running, progress: Progress = SILENT) -> Found:
    """Run cells one after the other in this process."""
    for share in shares:
        prepared = share.prepared(running, progress)
        for lesson in share.lessons():
            yield from ((share, result) for result in tried(lesson, prepared, running))


def side_by_side(workers: int) -> Engine:
    """Return what runs so many cells at a time, each in a process with its share of the processors."""
    return alone if workers == 1 else partial(_side_by_side, workers)


def _side_by_side(
    workers: int, shares: Sequence[Share], running: Running, progress: Progress = SILENT
) -> Found:
    with Workers(workers, _answer) as pool:
        for share in shares:
            # Embedded here: workers then find all of it in the cache.
            prepared = share.prepared(running, progress)
            if isinstance(prepared, str):
                yield from ((share, result) for result in tried(share, prepared, running))
                continue
            del prepared
            for (lesson, _), answer in pool.answers([(lesson, running) for lesson in share.lessons()]):
                if isinstance(answer, Died):
                    answer = [CellResult(cell, failure=_DIED) for cell in lesson.cells]
                yield from ((share, result) for result in answer)


# What a worker prepared last: the next lesson is nearly always of the same share.
_latest: dict[tuple[Category, str], Prepared | str] = {}


def _answer(order: tuple[Share, Running]) -> list[CellResult]:
    """Run a lesson."""
    lesson, running = order
    key = (lesson.category, lesson.extraction)
    if key not in _latest:
        _latest.clear()
        _latest[key] = lesson.prepared(running)
    return list(tried(lesson, _latest[key], running))


def _in_words(error: Exception) -> str:
    if isinstance(error, PatchSieveError):
        return str(error)
    # Not the user's doing: whoever mends it needs the place, and the grid goes on.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
