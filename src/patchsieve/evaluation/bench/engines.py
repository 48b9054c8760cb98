"""Where cells are run: in this process, or in several side by side. No failure ends the rest."""

import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from patchsieve.errors import PatchSieveError
from patchsieve.evaluation.bench.cells import Cell, CellResult
from patchsieve.evaluation.bench.plan import Category
from patchsieve.evaluation.bench.running import Prepared, Running, prepare, run_cell
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


Found = Generator[tuple[Share, CellResult], None, None]
# Runs all cells of some shares, and yields what came of each as it comes.
Engine = Callable[[Sequence[Share], Running, Progress], Found]


def tried(cell: Cell, prepared: Prepared | str, running: Running) -> CellResult:
    """Run a cell; where it cannot be, the result says so, as it does where nothing could be prepared."""
    if isinstance(prepared, str):
        return CellResult(cell, failure=prepared)
    try:
        return run_cell(cell, prepared, running)
    except Exception as error:
        return CellResult(cell, failure=_in_words(error))


def alone(shares: Sequence[Share], running: Running, progress: Progress = SILENT) -> Found:
    """Run cells one after the other in this process."""
    for share in shares:
        prepared = share.prepared(running, progress)
        for cell in share.cells:
            yield share, tried(cell, prepared, running)


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
                yield from ((share, tried(cell, prepared, running)) for cell in share.cells)
                continue
            del prepared
            orders = [(replace(share, cells=(cell,)), running) for cell in share.cells]
            for (one, _), answer in pool.answers(orders):
                if isinstance(answer, Died):
                    answer = CellResult(
                        one.cells[0],
                        failure="the process that ran it ended; too little memory is the usual reason: use fewer "
                        "--workers, or a smaller bank_size",
                    )
                yield share, answer


# What a worker prepared last: the next cell is nearly always of the same share.
_latest: dict[tuple[Category, str], Prepared | str] = {}


def _answer(order: tuple[Share, Running]) -> CellResult:
    """Run the one cell of a share."""
    share, running = order
    key = (share.category, share.extraction)
    if key not in _latest:
        _latest.clear()
        _latest[key] = share.prepared(running)
    return tried(share.cells[0], _latest[key], running)


def _in_words(error: Exception) -> str:
    if isinstance(error, PatchSieveError):
        return str(error)
    # Not the user's doing: whoever mends it needs the place, and the grid goes on.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
