"""Tables of a bench: results with their spread, time and size, and who is better than whom."""

from collections.abc import Sequence
from statistics import median

from patchsieve.evaluation.bench import METRICS, Certainty, Comparison
from patchsieve.images import Overlap
from patchsieve.pictures.bench.board import OVERLAP_WORDS, Board, Place, condition_words
from patchsieve.pictures.bench.figure import BenchTable, Table, Value
from patchsieve.pictures.bench.labels import signed

_COSTS = {"fit_seconds": 2, "image_ms": 1, "file_mib": 2}
_AT_ONE_THRESHOLD = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_EMPTY = "-"
_Matrix = list[list[Comparison | None]]
# More columns with names as headings are wider than paper.
_NAMED = 8


def results_table(
    board: Board,
    metric: str,
    overlap: Overlap,
    certain: Sequence[Certainty] = (),
    place: Place | None = None,
) -> BenchTable | None:
    """Return one metric of all systems at all noise rates; None where there is none.

    Args:
        board: the results.
        metric: a key of `METRICS`.
        overlap: kind of overlap.
        certain: what is known about it; intervals of this metric, overlap and category get a column each.
        place: a category, whose table leaves out who was not run there; None for the average over categories.
    """
    rates = [
        rate
        for rate in board.rates(overlap)
        if any(board.mean(metric, n, rate, overlap, place) for n in board.systems)
    ]
    if not rates:
        return None
    intervals = [
        known
        for known in certain
        if known.metric == metric
        and known.category == place
        and known.noise in rates
        and known.intervals
        and (not known.noise or known.overlap == overlap)
    ]
    shown, rows = [], []
    for name in board.systems:
        means = [board.mean(metric, name, rate, overlap, place) for rate in rates]
        if place is not None and not any(means):
            continue
        ranges = [known.intervals.get(name) for known in intervals]
        shown.append(
            (
                name,
                *(_EMPTY if mean is None else mean.text() for mean in means),
                *(_EMPTY if both is None else f"{both[0]:.3f} to {both[1]:.3f}" for both in ranges),
            )
        )
        row: list[Value] = [name]
        for mean in means:
            row += [None, None, None] if mean is None else list(mean)
        for both in ranges:
            row += [None, None] if both is None else list(both)
        rows.append(tuple(row))
    header = ["system"]
    for rate in rates:
        header += [f"noise_{rate:g}_{part}" for part in ("mean", "standard_deviation", "seeds")]
    for known in intervals:
        header += [f"noise_{known.noise:g}_{part}" for part in ("low", "high")]
    names = [
        board.place_names[one] for one in (board.averaged(metric, overlap) if place is None else (place,))
    ]
    return BenchTable(
        f"results-{metric}-{overlap}" + (f"-{place.stem}" if place else ""),
        f"{METRICS[metric]}, {OVERLAP_WORDS[overlap].partition(':')[0]}" + (f", {names[0]}" if place else ""),
        f"{OVERLAP_WORDS[overlap].capitalize()}. {_counted(names)}{_spread(board)}. "
        f"{' '.join(dict.fromkeys(known.method for known in intervals))}".strip(),
        Table(
            (
                "detector",
                *(f"{100 * rate:g} % noise" if rate else "clean" for rate in rates),
                *(
                    f"interval at {100 * known.noise:g} %" if known.noise else "interval, clean"
                    for known in intervals
                ),
            ),
            tuple(shown),
        ),
        Table(tuple(header), tuple(rows)),
    )


def metrics_table(board: Board, noise: float, overlap: Overlap) -> BenchTable | None:
    """Return all metrics of all systems in one condition; None where there are none."""
    metrics = [
        metric
        for metric in METRICS
        if metric not in (*_COSTS, *_AT_ONE_THRESHOLD, "threshold")
        and any(board.mean(metric, name, noise, overlap) for name in board.systems)
    ]
    if not metrics:
        return None
    means = {name: [board.mean(metric, name, noise, overlap) for metric in metrics] for name in board.systems}
    condition = condition_words(noise, overlap)
    return BenchTable(
        f"metrics-noise{noise:g}-{overlap if noise else 'clean'}",
        f"All metrics, {condition}",
        "Means over categories and seeds. "
        + (
            "Metrics of the first kind judge the ranking; precision, recall and what follows are taken at the "
            "threshold that the detector set itself, without having seen a label."
            if "precision" in metrics
            else "All judge the ranking: no thresholds were looked for."
        ),
        Table(
            ("detector", *(METRICS[metric] for metric in metrics)),
            tuple(
                (name, *(_EMPTY if mean is None else f"{mean.value:.3f}" for mean in row))
                for name, row in means.items()
            ),
        ),
        Table(
            ("system", *metrics),
            tuple(
                (name, *(None if mean is None else mean.value for mean in row)) for name, row in means.items()
            ),
        ),
    )


def timing_table(board: Board) -> BenchTable | None:
    """Return what the systems cost: time to fit, time an image, size of the file; None where nobody measured."""
    values = {name: [_median(board, name, metric) for metric in _COSTS] for name in board.systems}
    if not any(value is not None for row in values.values() for value in row):
        return None
    return BenchTable(
        "timing",
        "Time and size",
        "Medians over all cells, measured on one machine with whatever else ran there: compare the detectors with each "
        "other, not with other machines.",
        Table(
            ("detector", *(METRICS[metric] for metric in _COSTS)),
            tuple(
                (
                    name,
                    *(
                        _EMPTY if value is None else f"{value:.{digits}f}"
                        for value, digits in zip(row, _COSTS.values(), strict=True)
                    ),
                )
                for name, row in values.items()
            ),
        ),
        Table(("system", *_COSTS), tuple((name, *row) for name, row in values.items())),
    )


def comparison_table(certainty: Certainty) -> BenchTable | None:
    """Return the matrix of paired comparisons: the row's system minus the column's; None where there are none."""
    found: dict[tuple[str, str], Comparison] = {}
    for pair in certainty.comparisons:
        found[pair.first, pair.second] = pair
        back = None if pair.difference is None else -pair.difference
        found[pair.second, pair.first] = Comparison(pair.second, pair.first, back, pair.p)
    names = list(dict.fromkeys(name for pair in certainty.comparisons for name in (pair.first, pair.second)))
    if not names:
        return None
    condition = condition_words(certainty.noise, certainty.overlap)
    matrix = [[found.get((row, column)) for column in names] for row in names]
    shown, key = _numbered(names, matrix) if len(names) > _NAMED else (_named(names, matrix), "")
    return BenchTable(
        f"paired-{certainty.metric}-noise{certainty.noise:g}-{certainty.overlap if certainty.noise else 'clean'}",
        f"Who is better than whom: {METRICS[certainty.metric]}, {condition}",
        f"Each field is the detector of its row minus that of its column: above 0 the row is better.{key} A star marks "
        f"p below 0.05; without one the difference may be luck. The numbers have each p. {certainty.test}".strip(),
        shown,
        Table(("first", "second", "difference", "p"), tuple(tuple(pair) for pair in certainty.comparisons)),
    )


def failures_table(board: Board) -> BenchTable | None:
    """Return the cells that failed, and why; None where none did."""
    rows = tuple(
        (
            f"{result.cell.dataset} / {result.cell.category}",
            result.cell.system.name,
            result.cell.condition.noise,
            result.cell.condition.overlap,
            result.cell.condition.seed,
            result.failure,
        )
        for result in board.failures
    )
    if not rows:
        return None
    table = Table(("category", "system", "noise", "overlap", "seed", "reason"), rows)
    return BenchTable(
        "failures",
        f"Failed cells ({len(rows)})",
        "They are missing from all figures and averages.",
        table,
        table,
    )


def _named(names: Sequence[str], matrix: _Matrix) -> Table:
    rows = (
        (name, *("" if pair is None else f"{signed(pair.difference)}{_star(pair)}" for pair in row))
        for name, row in zip(names, matrix, strict=True)
    )
    return Table(("detector", *names), tuple(rows))


def _numbered(names: Sequence[str], matrix: _Matrix) -> tuple[Table, str]:
    """Return a table that is narrow enough for paper, and how to read it."""
    rows = (
        (f"{number} {name}", *("" if pair is None else f"{_thousandths(pair)}{_star(pair)}" for pair in row))
        for number, (name, row) in enumerate(zip(names, matrix, strict=True), 1)
    )
    header = ("detector", *(str(number) for number in range(1, len(names) + 1)))
    return Table(header, tuple(rows)), " In thousandths; a column is the detector of the row with its number."


def _thousandths(pair: Comparison) -> str:
    if pair.difference is None:
        return "-"
    return f"{1000 * pair.difference:+.0f}" if round(pair.difference, 3) else "0"


def _star(pair: Comparison) -> str:
    return "*" if pair.p is not None and pair.p < 0.05 else ""


def _counted(names: Sequence[str]) -> str:
    return f"Of {names[0]}" if len(names) == 1 else f"Mean over {len(names)} categories ({', '.join(names)})"


def _spread(board: Board) -> str:
    return (
        ", ± one standard deviation between seeds"
        if len({key.seed for key in board.cells}) > 1
        else ", of one seed"
    )


def _median(board: Board, name: str, metric: str) -> float | None:
    values = [
        value
        for key, result in board.cells.items()
        if key.system == name and (value := result.metrics.get(metric)) is not None
    ]
    return median(values) if values else None
