"""The whole grid: what is in the store is not done again, and no failure ends the rest."""

import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from patchsieve.errors import PatchSieveError
from patchsieve.evaluation.bench.cells import Cell, CellResult
from patchsieve.evaluation.bench.plan import BenchPlan, Category
from patchsieve.evaluation.bench.running import (
    Fitted,
    Prepared,
    Running,
    content_of,
    extraction_of,
    fit_cell,
    manifest_path,
    prepare,
    run_cell,
)
from patchsieve.evaluation.bench.store import ResultStore
from patchsieve.evaluation.bench.workers import Died, Workers
from patchsieve.images import Manifest
from patchsieve.progress import SILENT, Progress, staged


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


@dataclass(frozen=True)
class Bench:
    """A plan, how its cells are run, and where their results are kept."""

    plan: BenchPlan
    running: Running
    store: ResultStore

    @cached_property
    def contents(self) -> dict[Category, str]:
        """What each category's cells depend on beside their own settings, as a hash; all files are read for it.

        Raises:
            PatchSieveError: a category cannot be read.
        """
        return {category: content_of(category, self.running) for category in self.plan.categories}

    def results(self) -> list[CellResult]:
        """Return all that is known of the plan's cells, in its order; cells that were never run are missing.

        Raises:
            PatchSieveError: a category or the store cannot be read.
        """
        found: list[CellResult] = []
        for category in self.plan.categories:
            cells = list(self.plan.cells(category))
            known = self.store.find(cells, self.contents[category])
            found += [known[cell] for cell in cells if cell in known]
        return found

    def missing(self) -> list[Share]:
        """Return what is still to be done; cells that failed are tried again.

        Raises:
            PatchSieveError: a category or the store cannot be read, or a system cannot work.
        """
        shares = []
        for category in self.plan.categories:
            content = self.contents[category]
            cells = list(self.plan.cells(category))
            known = self.store.find(cells, content)
            groups: dict[str, list[Cell]] = {}
            for cell in cells:
                if not self._done(known.get(cell)):
                    groups.setdefault(extraction_of(cell.system), []).append(cell)
            shares += [Share(category, kind, content, tuple(group)) for kind, group in groups.items()]
        return shares

    def run(self, *, workers: int = 1, progress: Progress = SILENT) -> Iterator[CellResult]:
        """Run what is missing; yield each result when it is in the store.

        Args:
            workers: processes that run cells side by side; 1 for this one alone.
            progress: shown one unit a cell, and the images that are embedded.

        Raises:
            PatchSieveError: a category or the store cannot be used, or a system cannot work.
        """
        shares = self.missing()
        with ExitStack() as stack:
            pool = stack.enter_context(Workers(workers, _answer)) if shares and workers > 1 else None
            stage = stack.enter_context(
                staged(progress, "experiments", sum(len(share.cells) for share in shares))
            )
            for share in shares:
                for result in self._share(share, pool, progress):
                    self.store.add(result, share.content)
                    stage.advance()
                    yield result

    def remarks(self) -> Iterator[tuple[Cell, str]]:
        """Yield how the noise that was run differs from what was asked for, with the first cell that it is about."""
        seen = set()
        for cell in self.plan.all_cells:
            path = manifest_path(cell, self.running)
            if path is not None and path not in seen and path.exists():
                seen.add(path)
                yield from ((cell, note) for note in Manifest.read(path).notes)

    def example(self, cell: Cell, progress: Progress = SILENT) -> Fitted:
        """Fit one cell again, for pictures of what it learnt and found; with a threshold in any case.

        Raises:
            PatchSieveError: the cell cannot be run.
        """
        category = next(
            one for one in self.plan.categories if (one.dataset, one.name) == (cell.dataset, cell.category)
        )
        prepared = prepare(category, cell.system, self.running, progress)
        return fit_cell(cell, prepared, replace(self.running, calibrate=True))

    def _done(self, known: CellResult | None) -> bool:
        if known is None or known.failure is not None:
            return False
        return "threshold" in known.metrics or not self.running.calibrate

    def _share(
        self, share: Share, pool: "Workers[_Order, CellResult] | None", progress: Progress
    ) -> Iterator[CellResult]:
        system = share.cells[0].system
        try:
            # Embedded here in any case: workers then find all of it in the cache.
            prepared = prepare(share.category, system, self.running, progress)
        except Exception as error:
            reason = _in_words(error)
            yield from (CellResult(cell, failure=reason) for cell in share.cells)
            return
        if pool is None:
            yield from (_tried(cell, prepared, self.running) for cell in share.cells)
            return
        del prepared
        orders = [_Order(share.category, share.extraction, cell, self.running) for cell in share.cells]
        for order, answer in pool.answers(orders):
            if isinstance(answer, Died):
                answer = CellResult(
                    order.cell,
                    failure="the process that ran it ended; too little memory is the usual reason: use fewer "
                    "--workers, or a smaller bank_size",
                )
            yield answer


@dataclass(frozen=True)
class _Order:
    """What a worker needs to run a cell."""

    category: Category
    extraction: str
    cell: Cell
    running: Running


# What a worker prepared last: the next cell is nearly always of the same share.
_latest: dict[tuple[Category, str], Prepared] = {}


def _answer(order: _Order) -> CellResult:
    key = (order.category, order.extraction)
    if key not in _latest:
        _latest.clear()
        try:
            _latest[key] = prepare(order.category, order.cell.system, order.running)
        except Exception as error:
            return CellResult(order.cell, failure=_in_words(error))
    return _tried(order.cell, _latest[key], order.running)


def _tried(cell: Cell, prepared: Prepared, running: Running) -> CellResult:
    try:
        return run_cell(cell, prepared, running)
    except Exception as error:
        return CellResult(cell, failure=_in_words(error))


def _in_words(error: Exception) -> str:
    if isinstance(error, PatchSieveError):
        return str(error)
    # Not the user's doing: whoever mends it needs the place, and the grid goes on.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
