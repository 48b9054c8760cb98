"""Published figures beside the measured ones."""

from collections.abc import Sequence

from patchsieve.evaluation.bench import METRICS, CellResult
from patchsieve.evaluation.bench.published import Reproduction, compared, published
from patchsieve.pictures.bench.figure import BenchTable, Table, Value

_COLUMNS = ("data", "detector", "category", "published", "here", "spread", "difference", "seeds")


def published_table(results: Sequence[CellResult], name: str) -> BenchTable | None:
    """Put the results beside a published table; None where they have nothing in common.

    Args:
        results: of any cells.
        name: of the table, as `published` takes it.

    Raises:
        ConfigError: there is no table of this name.
    """
    table, rows = published(name), compared(results, name)
    if not rows:
        return None
    remarks = " ".join(f"{correction.reason}." for correction in table.corrections)
    return BenchTable(
        name=f"published-{name}",
        title=f"Published and here: {table.title}",
        caption=(
            f"{METRICS[table.metric]}; published by {table.source.paper}, {table.source.table}. Rows belong together "
            "by the detector's name: with another backbone or other settings than the source's, a difference says "
            f"nothing about either. {remarks}"
        ).strip(),
        shown=Table(_COLUMNS, tuple(_shown(row, table.decimals) for row in rows)),
        table=Table(_COLUMNS, tuple(_exact(row) for row in rows)),
    )


def _shown(row: Reproduction, decimals: int) -> tuple[str, ...]:
    spread = "-" if row.spread is None else f"±{row.spread:.{decimals}f}"
    return (
        row.dataset,
        row.system,
        row.category,
        f"{row.published:.{decimals}f}",
        f"{row.ours:.{decimals}f}",
        spread,
        f"{row.difference:+.{decimals}f}",
        str(row.seeds),
    )


def _exact(row: Reproduction) -> tuple[Value, ...]:
    return (
        row.dataset,
        row.system,
        row.category,
        row.published,
        row.ours,
        row.spread,
        row.difference,
        row.seeds,
    )
