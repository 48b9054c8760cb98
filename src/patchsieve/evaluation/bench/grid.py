"""The whole grid: what is in the store is not done again, and no failure ends the rest."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property

from patchsieve.evaluation.bench.cells import Cell, CellResult
from patchsieve.evaluation.bench.engines import Engine, Share, alone
from patchsieve.evaluation.bench.plan import BenchPlan, Category
from patchsieve.evaluation.bench.running import (
    Fitted,
    Running,
    content_of,
    extraction_of,
    fit_cell,
    manifest_path,
    prepare,
)
from patchsieve.evaluation.bench.store import ResultStore
from patchsieve.images import Manifest
from patchsieve.progress import SILENT, Progress, staged


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

    def run(
        self, *, engine: Engine = alone, progress: Progress = SILENT
    ) -> Generator[CellResult, None, None]:
        """Run what is missing; yield each result when it is in the store.

        Args:
            engine: where cells are run: in this process, `side_by_side`, or elsewhere.
            progress: shown one unit a cell, and the images that are embedded.

        Raises:
            PatchSieveError: a category or the store cannot be used, or a system cannot work.
        """
        shares = self.missing()
        with (
            staged(progress, "experiments", sum(len(share.cells) for share in shares)) as stage,
            closing(engine(shares, self.running, progress)) as found,
        ):
            for share, result in found:
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
