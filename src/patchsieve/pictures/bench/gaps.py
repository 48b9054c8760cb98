"""What noise costs: each category clean and noisy, and the gap between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from patchsieve.evaluation.bench import METRICS
from patchsieve.images import Overlap
from patchsieve.pictures.bench.board import OVERLAP_WORDS, Board, Place
from patchsieve.pictures.bench.figure import BenchFigure, BenchTable, Table, canvas, clean
from patchsieve.pictures.bench.labels import marks, short_names, signed
from patchsieve.pictures.style import BLUE, GREY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 2
_ROW, _TOP, _BOTTOM, _LEFT, _WIDTH, _BETWEEN = 0.2, 0.4, 0.75, 2.1, 9.2, 0.35
_AVERAGE = "average"


class Gap(NamedTuple):
    """One system in one category, means over seeds; None where there is no result."""

    system: str
    place: str
    clean: float | None
    noisy: float | None

    @property
    def difference(self) -> float | None:
        """Noisy minus clean: below 0 where noise harms."""
        return None if self.clean is None or self.noisy is None else self.noisy - self.clean


def gaps(board: Board, metric: str, noise: float, overlap: Overlap) -> tuple[Gap, ...]:
    """Return the gap of every compared system in every category with a value, then on average over them."""
    rows = []
    places: list[Place | None] = [*board.places, *([None] if len(board.places) > 1 else [])]
    for place in places:
        for name in board.compared:
            both = (board.mean(metric, name, rate, overlap, place) for rate in (0.0, noise))
            values = [None if mean is None else mean.value for mean in both]
            if any(value is not None for value in values):
                label = _AVERAGE if place is None else board.place_names[place]
                rows.append(Gap(name, label, values[0], values[1]))
    return tuple(rows)


def gap_figure(board: Board, metric: str, noise: float, overlap: Overlap) -> BenchFigure | None:
    """Draw a bar from clean to noisy for every system, one panel for each category and one for the average.

    Returns:
        None where no system has both.
    """
    rows = gaps(board, metric, noise, overlap)
    if not any(row.difference is not None for row in rows):
        return None
    places = list(dict.fromkeys(row.place for row in rows))
    systems = [name for name in board.compared if any(row.system == name for row in rows)]
    deep = -(-len(places) // _COLUMNS)
    panel = _ROW * len(systems) + 0.15
    high = deep * (panel + _TOP) + _BOTTOM
    columns = min(_COLUMNS, len(places))
    wide = _LEFT + columns * (_WIDTH - _LEFT) / _COLUMNS
    with canvas(wide, high) as figure:
        values = [value for row in rows for value in (row.clean, row.noisy) if value is not None]
        room = 0.06 * (max(values) - min(values)) + 0.004
        # The numbers stand at the right of the longest bar.
        limits = (min(values) - room, max(values) + 5.5 * room)
        for index, place in enumerate(places):
            across, down = index % columns, index // columns
            width = (wide - _LEFT) / columns - _BETWEEN
            left = _LEFT + across * (width + _BETWEEN)
            axes = figure.add_axes(
                (left / wide, 1 - (down + 1) * (panel + _TOP) / high, width / wide, panel / high)
            )
            _draw(axes, [row for row in rows if row.place == place], systems)
            axes.set_xlim(limits)
            axes.set_xticks([tick for tick in axes.get_xticks() if limits[0] <= tick <= min(1, limits[1])])
            axes.set_title(
                clean(place), loc="left", fontsize=10, fontweight="bold" if place == _AVERAGE else None
            )
            short = short_names(systems)
            axes.set_yticks(range(len(systems)), [short[name] for name in systems] if not across else [])
            if index >= len(places) - columns:
                axes.set_xlabel(METRICS[metric])
            else:
                axes.tick_params(labelbottom=False)
        _key(figure, high)
        share = f"{100 * noise:g} %"
        return BenchFigure.drawn(
            figure,
            name=f"gap-{metric}-{overlap}",
            title=f"{METRICS[metric]}: what {share} noise costs ({OVERLAP_WORDS[overlap].partition(':')[0]})",
            caption=f"Each bar goes from the result on a clean training set (ring) to that with {share} noise "
            "(diamond); the number is the gap, noisy minus clean: the shorter the bar, the more robust the detector. "
            "Means over seeds. The axis does not begin at 0.",
            alt=_in_words(rows, METRICS[metric], share),
            table=Table(
                ("category", "system", "clean", "noisy", "gap"),
                tuple((row.place, row.system, row.clean, row.noisy, row.difference) for row in rows),
            ),
        )


def gap_table(board: Board, metric: str, noise: float, overlap: Overlap) -> BenchTable | None:
    """Return the gaps as a table of categories and systems; None where no system has both values."""
    rows = gaps(board, metric, noise, overlap)
    if not any(row.difference is not None for row in rows):
        return None
    systems = [name for name in board.compared if any(row.system == name for row in rows)]
    found = {(row.place, row.system): row.difference for row in rows}
    places = tuple(dict.fromkeys(row.place for row in rows))
    table = Table(
        ("category", *systems),
        tuple((place, *(found.get((place, name)) for name in systems)) for place in places),
    )
    shown = tuple((place, *(signed(found.get((place, name))) for name in systems)) for place in places)
    return BenchTable(
        f"gap-table-{metric}-{overlap}",
        f"{METRICS[metric]}: the gap, noisy ({100 * noise:g} %) minus clean, "
        f"{OVERLAP_WORDS[overlap].partition(':')[0]}",
        "Below 0: the noise harms. Near 0: the detector does not mind it.",
        Table(table.header, shown) if len(places) >= len(systems) else _turned(table.header, shown),
        table,
    )


def _turned(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Table:
    """Return the table with its columns as rows: the longer list goes down the page."""
    first, *rest = zip(header, *rows, strict=True)
    return Table(("detector", *first[1:]), tuple(rest))


def _draw(axes: Axes, rows: list[Gap], systems: list[str]) -> None:
    styles = marks(systems)
    for row in rows:
        up = systems.index(row.system)
        if row.clean is not None and row.noisy is not None:
            colour = styles[row.system].colour
            axes.barh(
                up,
                row.noisy - row.clean,
                left=row.clean,
                height=0.45,
                facecolor=f"{colour}50",
                edgecolor=colour,
            )
            axes.annotate(
                signed(row.difference),
                (max(row.clean, row.noisy), up),
                (7, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        if row.clean is not None:
            axes.plot(row.clean, up, "o", markersize=5, markerfacecolor="white", color=BLUE)
        if row.noisy is not None:
            axes.plot(row.noisy, up, "D", markersize=4.5, color=VERMILLION)
    axes.set_ylim(len(systems) - 0.4, -0.6)
    axes.grid(axis="x", color="#E3E3E3", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_color(GREY)


def _key(figure: Figure, high: float) -> None:
    from matplotlib.lines import Line2D

    marks_used = [
        Line2D([], [], marker="o", linestyle="", markerfacecolor="white", color=BLUE, label="clean"),
        Line2D([], [], marker="D", linestyle="", color=VERMILLION, label="noisy"),
    ]
    figure.legend(
        handles=marks_used, loc="lower left", ncols=2, frameon=False, bbox_to_anchor=(0.0, 0.02 / high)
    )


def _in_words(rows: tuple[Gap, ...], metric: str, share: str) -> str:
    parts = [
        f"{row.place}, {row.system}: {row.clean:.3f} clean, {row.noisy:.3f} noisy"
        for row in rows
        if row.clean is not None and row.noisy is not None and (row.place == _AVERAGE or len(rows) <= 30)
    ]
    return f"{metric} without noise and with {share}. {'; '.join(parts)}."
