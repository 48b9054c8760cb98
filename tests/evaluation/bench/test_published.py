"""Published figures: complete, true to their printed averages, and beside ours."""

import numpy as np
import pytest

from patchsieve.errors import ConfigError
from patchsieve.evaluation.bench import METRICS, Cell, CellResult, Condition, System
from patchsieve.evaluation.bench.published import (
    CATEGORIES,
    PublishedTable,
    Source,
    compared,
    published,
    published_tables,
)
from patchsieve.evaluation.bench.systems import named_systems

TABLES = published_tables()
WITH_AVERAGES = [
    (table.name, system) for table in TABLES.values() for system in table.figures if system in table.means
]
BTAD = PublishedTable(
    name="three",
    title="",
    source=Source(paper="", table="", seen=()),
    dataset="btad",
    metric="image_auroc",
    noise=0.1,
    overlap="same",
    decimals=3,
    figures={"patchcore": {"01": 0.9, "02": 0.8, "03": 0.7}, "padim": {"01": 0.6, "02": 0.5, "03": 0.4}},
    means={"patchcore": 0.8, "softpatch-lof": 0.95},
)


def result(
    system: str,
    category: str,
    value: float | None,
    condition: Condition | None = None,
    *,
    dataset: str = "BTech",
    failure: str | None = None,
) -> CellResult:
    cell = Cell(dataset, category, System(system, "patchcore"), condition or Condition(0.1, "same", 0))
    return CellResult(cell, {"image_auroc": value}, failure=failure)


@pytest.mark.parametrize(("name", "system"), WITH_AVERAGES)
def test_the_mean_of_the_categories_is_the_printed_average(name: str, system: str) -> None:
    table = published(name)
    mean = np.mean(list(table.figures[system].values()))
    # Figures and average are rounded, each by half a unit of the last digit at most.
    assert mean == pytest.approx(table.means[system], abs=10**-table.decimals)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_whole(name: str) -> None:
    table = TABLES[name]
    assert table.metric in METRICS
    assert table.systems
    assert set(table.systems) <= set(named_systems())
    for figures in table.figures.values():
        assert tuple(figures) == table.categories
    for value in [v for figures in table.figures.values() for v in figures.values()] + [
        *table.means.values()
    ]:
        assert 0.3 < value <= 1
        assert round(value, table.decimals) == value
    assert table.source.seen


@pytest.mark.parametrize("name", TABLES)
def test_a_correction_says_what_is_used(name: str) -> None:
    table = TABLES[name]
    for correction in table.corrections:
        held = table.means if correction.category == "mean" else table.figures[correction.system]
        key = correction.system if correction.category == "mean" else correction.category
        assert held[key] == correction.used != correction.printed


def test_figures_have_a_source_each_of_its_own() -> None:
    shown = [
        (table.dataset, table.metric, table.noise, table.overlap, system, table.source.table)
        for table in TABLES.values()
        for system in table.systems
    ]
    assert len(set(shown)) == len(shown)
    assert set(CATEGORIES) == {table.dataset for table in TABLES.values()}


def test_an_unknown_table_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match=r"no published table 'paper'; there are .*patchcore-table-s1"):
        published("paper")


def test_ours_beside_theirs_by_hand() -> None:
    results = [
        result("patchcore", category, value, Condition(0.1, "same", seed))
        for category, values in {"01": (0.92, 0.94), "02": (0.8, 0.7), "03": (0.6, 0.8)}.items()
        for seed, value in enumerate(values)
    ]
    rows = compared(results, BTAD)
    assert [(row.category, row.published) for row in rows] == [
        ("01", 0.9),
        ("02", 0.8),
        ("03", 0.7),
        ("mean", 0.8),
    ]
    assert [row.ours for row in rows] == pytest.approx([0.93, 0.75, 0.7, (0.93 + 0.75 + 0.7) / 3])
    assert rows[0].difference == pytest.approx(0.03)
    assert rows[0].spread == pytest.approx(0.02 / 2**0.5)
    # Seed 0: (0.92 + 0.8 + 0.6) / 3, seed 1: (0.94 + 0.7 + 0.8) / 3.
    assert rows[-1].spread == pytest.approx((2.44 - 2.32) / 3 / 2**0.5)
    assert {(row.dataset, row.system, row.seeds) for row in rows} == {("BTech", "patchcore", 2)}


def test_fewer_categories_are_compared_with_the_same_ones_of_the_paper() -> None:
    rows = compared([result("padim", "01", 0.7), result("padim", "03", 0.5)], BTAD)
    assert [(row.category, row.published, row.ours, row.spread) for row in rows[:2]] == [
        ("01", 0.6, 0.7, None),
        ("03", 0.4, 0.5, None),
    ]
    assert (rows[2].category, rows[2].categories) == ("mean", 2)
    assert (rows[2].published, rows[2].ours) == pytest.approx((0.5, 0.6))


def test_an_average_alone_needs_all_categories() -> None:
    results = [result("softpatch-lof", category, 0.9) for category in ("01", "02", "03")]
    assert [(row.category, row.published, row.ours) for row in compared(results, BTAD)] == [
        ("mean", 0.95, pytest.approx(0.9))
    ]
    assert compared(results[:2], BTAD) == []


def test_other_conditions_failures_and_missing_figures_do_not_count() -> None:
    assert (
        compared(
            [
                result("patchcore", "01", 0.9, Condition(0.1, "none", 0)),
                result("patchcore", "01", 0.9, Condition(0.2, "same", 0)),
                result("patchcore", "01", None),
                result("patchcore", "02", 0.9, failure="out of memory"),
                result("spade", "01", 0.9),
                result("patchcore", "bottle", 0.9),
            ],
            BTAD,
        )
        == []
    )


def test_the_mean_of_seeds_is_of_those_that_all_categories_have() -> None:
    results = [
        result("patchcore", category, value, Condition(0.1, "same", seed))
        for category, seed, value in (("01", 0, 0.9), ("01", 1, 0.5), ("02", 0, 0.7), ("03", 0, 0.8))
    ]
    mean = compared(results, BTAD)[-1]
    assert (mean.category, mean.ours, mean.seeds) == ("mean", pytest.approx(0.8), 1)


def test_clean_results_are_compared_whatever_overlap_they_name() -> None:
    rows = compared(
        [result("patchcore", "bottle", 1.0, Condition(0.0, "same", 0))], published("patchcore-table-s1")
    )
    assert [(row.category, row.published) for row in rows] == [("bottle", 1.0), ("mean", 1.0)]


def test_data_sets_are_kept_apart() -> None:
    rows = compared([result("padim", "01", 0.7), result("padim", "01", 0.5, dataset="other")], BTAD)
    assert [(row.dataset, row.category, row.ours) for row in rows] == [
        ("BTech", "01", 0.7),
        ("BTech", "mean", 0.7),
        ("other", "01", 0.5),
        ("other", "mean", 0.5),
    ]


def test_no_results_no_rows() -> None:
    assert compared([], BTAD) == []
