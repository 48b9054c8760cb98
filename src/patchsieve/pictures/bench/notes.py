"""What a reader of a bench must know before trusting its numbers, and why something is not there."""

from collections import Counter
from collections.abc import Iterator

from patchsieve.evaluation.bench import METRICS
from patchsieve.pictures.bench.board import Board


def headline(board: Board) -> str:
    """Return in a sentence how large the bench is."""
    if not board.cells:
        return f"There are no results; {_count(len(board.failures), 'cell')} failed."
    rates = sorted({key.noise for key in board.cells})
    seeds = {key.seed for key in board.cells}
    varied = len(board.systems) - len(board.compared)
    variants = (
        f"{' and ' if board.compared else ''}{_count(varied, 'variant')} of a setting" if varied else ""
    )
    detectors = _count(len(board.compared), "detector") if board.compared else ""
    places = _count(len(board.places), "category", "categories")
    shares = ", ".join(f"{100 * rate:g} %" for rate in rates)
    return (
        f"{detectors}{variants} on {places} at {_count(len(rates), 'noise rate')} ({shares}) with "
        f"{_count(len(seeds), 'seed')}: {_count(len(board.cells), 'result')}, {_count(len(board.failures), 'failure')}."
    )


def notes(board: Board, *, intervals: bool) -> Iterator[str]:
    """Yield what limits the results, one sentence or two each.

    Args:
        board: the results.
        intervals: whether confidence intervals go with them.
    """
    if board.failures:
        yield (
            f"{_count(len(board.failures), 'cell')} failed and cannot be seen in what follows; the reasons are at the "
            "end. A detector that lacks a category has no average there."
        )
    if board.cells:
        yield from _missing(board)
        yield from _left_out(board)
        yield from _fewer_seeds(board)
        if not intervals:
            yield "No confidence intervals were given."


def _missing(board: Board) -> Iterator[str]:
    if not board.has("pixel_auroc"):
        yield "No pixel metrics: the data has no masks of its defects, or the maps were not judged."
    if len({key.seed for key in board.cells}) == 1:
        yield "One seed: nobody knows how much of a difference is luck; three seeds or more show it."
    rates = {key.noise for key in board.cells}
    if len(rates) == 1:
        yield "One noise rate: there is no curve against noise, and no gap."
    elif 0.0 not in rates:
        yield "No clean fit (noise rate 0): the gap, noisy minus clean, is not known."


def _left_out(board: Board) -> Iterator[str]:
    compared = board.of(board.compared)
    for metric in ("image_auroc", "pixel_auroc"):
        by_overlap = {
            overlap: [place for place in compared.places if place not in compared.averaged(metric, overlap)]
            for overlap in compared.overlaps
        }
        for overlap, places in by_overlap.items():
            if places and len(places) < len(compared.places):
                names = ", ".join(compared.place_names[place] for place in places)
                kind = "" if len({*map(tuple, by_overlap.values())}) == 1 else f" (overlap {overlap})"
                yield f"Averages of {METRICS[metric]}{kind} are without {names}: not defined at every noise rate."
                if not kind:
                    break


def _fewer_seeds(board: Board) -> Iterator[str]:
    found = Counter((key.system, key.place, key.noise, key.overlap) for key in board.cells)
    fewer = {
        name for (name, _, noise, overlap), count in found.items() if count < len(board.seeds(noise, overlap))
    }
    if fewer:
        names = ", ".join(name for name in board.systems if name in fewer)
        yield f"Not all seeds are there of {names}: means are over those that are."


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
