"""The results of all systems on the test images of one category in one condition, for pictures of single runs."""

from dataclasses import dataclass

from patchsieve.evaluation.bench import CellResult
from patchsieve.images import Overlap
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


def scene(board: Board, place: Place, noise: float, overlap: Overlap, seed: int) -> Scene:
    """Choose the results of the compared systems in one condition."""
    found = {name: board.result(name, place, noise, overlap, seed) for name in board.compared}
    return Scene(
        "-".join((*dict.fromkeys(place), f"noise{noise:g}", overlap if noise else "clean", f"seed{seed}")),
        f"{board.place_names.get(place, place.category)}, {condition_words(noise, overlap)}, seed {seed}",
        {name: result for name, result in found.items() if result is not None},
    )
