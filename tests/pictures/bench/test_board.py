"""Means and spreads: as plain loops give them, and never over different categories."""

import math
from statistics import fmean, stdev

import pytest

from patchsieve.pictures.bench.board import Board, Place, condition_words

TILE, COOKIES = Place("factory", "tile"), Place("factory", "cookies")


def auroc(results, system, category, noise, overlap, seed):
    for one in results:
        cell = one.cell
        if (cell.system.name, cell.category, cell.condition.noise, cell.condition.seed) == (
            system,
            category,
            noise,
            seed,
        ) and (not noise or cell.condition.overlap == overlap):
            return one.metrics["image_auroc"]
    raise AssertionError("no such cell")


def test_an_average_is_over_categories_and_its_spread_between_seeds(grid):
    results = grid()
    by_seed = [
        fmean(auroc(results, "patchcore", category, 0.1, "same", seed) for category in ("tile", "cookies"))
        for seed in (0, 1, 2)
    ]
    mean = Board(results).mean("image_auroc", "patchcore", 0.1, "same")
    assert mean == pytest.approx((fmean(by_seed), stdev(by_seed), 3))


def test_a_clean_result_counts_for_every_kind_of_overlap(grid):
    board = Board(grid())
    assert board.rates("same") == board.rates("none") == (0.0, 0.1, 0.4)
    assert board.mean("image_auroc", "padim", 0.0, "same", TILE) == board.mean(
        "image_auroc", "padim", 0.0, "none", TILE
    )


def test_a_category_without_a_value_somewhere_is_in_no_average(grid):
    without = [r for r in grid() if not (r.cell.category == "cookies" and r.cell.condition.noise == 0.4)]
    board = Board(without)
    assert board.averaged("image_auroc", "same") == (TILE,)
    assert board.mean("image_auroc", "padim", 0.1, "same") == board.mean(
        "image_auroc", "padim", 0.1, "same", TILE
    )


def test_a_system_that_lacks_a_category_of_the_average_has_none(grid):
    board = Board(
        [
            r
            for r in grid()
            if not (r.cell.system.name == "padim" and r.cell.category == "cookies" and r.cell.condition.noise)
        ]
    )
    assert board.averaged("image_auroc", "same") == (TILE, COOKIES)
    assert board.mean("image_auroc", "padim", 0.1, "same") is None
    assert board.mean("image_auroc", "padim", 0.0, "same") is not None


def test_one_seed_has_no_spread_and_a_missing_seed_does_not_count(grid):
    assert Board(grid(seeds=(4,))).mean("image_auroc", "padim", 0.1, "same").spread is None
    results = [r for r in grid() if (r.cell.condition.seed, r.cell.category) != (2, "tile")]
    assert Board(results).mean("image_auroc", "padim", 0.1, "same").seeds == 2


def test_the_later_of_two_results_counts(result):
    failed = result(failure="out of memory")
    board = Board([failed, result()])
    assert not board.failures
    assert len(board.cells) == 1
    board = Board([result(), failed])
    assert board.failures == (failed,)
    assert not board.cells


def test_what_is_no_number_is_no_value(result):
    one = result()
    one.metrics["image_auroc"] = math.nan
    assert Board([one]).mean("image_auroc", "softpatch-lof", 0.0, "none") is None


def test_the_noise_rate_to_show_is_the_usual_one_else_the_highest(grid):
    assert Board(grid()).noisy_rate("same") == 0.1
    assert Board(grid(rates=(0.0, 0.2, 0.4))).noisy_rate("same") == 0.4
    assert Board(grid(rates=(0.0,))).noisy_rate("none") is None


def test_categories_go_by_their_data_set_too_where_there_are_several(grid, result):
    assert list(Board(grid()).place_names.values()) == ["tile", "cookies"]
    several = Board(
        [result(), result(dataset="btad", category="01"), result(dataset="elpv", category="elpv")]
    )
    assert list(several.place_names.values()) == ["factory / tile", "btad / 01", "elpv"]


def test_averages_of_some_systems_are_of_their_categories(grid, result):
    board = Board([*grid(), *(result("alone", "tile", seed=seed) for seed in (0, 1))])
    assert board.mean("image_auroc", "alone", 0.0, "none") is None
    assert board.of(["alone"]).mean("image_auroc", "alone", 0.0, "none").seeds == 2


def test_a_condition_in_words():
    assert condition_words(0.0, "same") == "clean"
    assert condition_words(0.15, "none") == "15 % noise, no overlap"
