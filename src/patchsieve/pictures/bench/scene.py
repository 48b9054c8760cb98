"""The results of all systems on the test images of one category in one condition, for pictures of single runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from patchsieve.evaluation.bench import Cell, CellResult, Condition, System
from patchsieve.pictures.bench.board import Board, Place, condition_words


@dataclass(frozen=True)
class Scene:
    """What stands side by side in such a picture.

    Attributes:
        name: of files.
        title: in words.
        results: by name of the system, in the order of the bench.
    """

    name: str
    title: str
    results: dict[str, CellResult]

    @property
    def judged(self) -> dict[str, CellResult]:
        """Those with scores of both good and defective images."""
        return {
            name: result
            for name, result in self.results.items()
            if len(result.labels) and result.labels.any() and not result.labels.all()
        }


def shown_condition(board: Board) -> Condition | None:
    """Return the condition that stands for all where only one can be shown; None where there is no result.

    It is the kind of overlap that the paper finds hardest, where there is one, at the usual noise rate, and the first
    seed.
    """
    overlap = board.overlaps[-1]
    rate = board.noisy_rate(overlap) or 0.0
    seeds = board.seeds(rate, overlap)
    return Condition(rate, overlap if rate else "none", seeds[0]) if seeds else None


def shown_cells(results: Sequence[CellResult], system: System) -> tuple[Cell, ...]:
    """Return the experiment of each category that pictures of a single model of this system are to be of."""
    board = Board(results)
    condition = shown_condition(board)
    if condition is None:
        return ()
    found = (
        board.result(system.name, place, condition.noise, condition.overlap, condition.seed)
        for place in board.places
    )
    return tuple(result.cell for result in found if result is not None)


def scene(board: Board, place: Place, condition: Condition) -> Scene:
    """Choose the results of the compared systems in one condition."""
    noise, overlap, seed = condition.noise, condition.overlap, condition.seed
    found = {name: board.result(name, place, noise, overlap, seed) for name in board.compared}
    return Scene(
        "-".join((*dict.fromkeys(place), f"noise{noise:g}", overlap if noise else "clean", f"seed{seed}")),
        f"{board.place_names.get(place, place.category)}, {condition_words(noise, overlap)}, seed {seed}",
        {name: result for name, result in found.items() if result is not None},
    )
