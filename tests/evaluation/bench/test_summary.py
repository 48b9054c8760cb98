"""Means over seeds and categories, against NumPy on a table."""

import numpy as np

from patchsieve.evaluation.bench import Cell, CellResult, Condition, System, summaries

SYSTEM = System("padim", "padim")


def results_of(table: np.ndarray) -> list[CellResult]:
    """One result for each category (row) and seed (column)."""
    return [
        CellResult(
            Cell("data", f"c{row}", SYSTEM, Condition(0.1, "same", column)),
            {"image_auroc": None if np.isnan(value) else float(value), "fit_seconds": 1.0},
        )
        for row, values in enumerate(table)
        for column, value in enumerate(values)
    ]


def test_means_are_over_categories_and_spreads_between_seeds() -> None:
    table = np.random.default_rng(0).random((4, 3))
    (row,) = summaries(results_of(table), ["image_auroc", "aupro"])
    assert row.means["image_auroc"] == np.mean(table)
    assert np.isclose(row.spreads["image_auroc"], np.std(table.mean(axis=0), ddof=1))
    assert (row.seeds, row.category, row.failed) == (3, None, 0)
    assert row.means["aupro"] is None


def test_by_category_each_has_its_row() -> None:
    table = np.random.default_rng(1).random((2, 3))
    rows = summaries(results_of(table), ["image_auroc"], by_category=True)
    assert [row.category for row in rows] == ["c0", "c1"]
    np.testing.assert_allclose([row.means["image_auroc"] for row in rows], table.mean(axis=1))


def test_a_mean_that_would_leave_a_category_out_is_none() -> None:
    table = np.array([[0.9, 0.9], [0.1, np.nan]])
    (row,) = summaries(results_of(table), ["image_auroc", "fit_seconds"])
    assert row.means == {"image_auroc": None, "fit_seconds": 1.0}


def test_failures_are_counted() -> None:
    failed = CellResult(Cell("data", "c0", SYSTEM, Condition()), failure="no")
    (row,) = summaries([failed], ["image_auroc"])
    assert (row.failed, row.means["image_auroc"]) == (1, None)
