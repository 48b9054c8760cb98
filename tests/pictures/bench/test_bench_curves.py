"""Curves against noise and against a setting, and gaps: the numbers of an independent computation, readable ones."""

import re
from dataclasses import replace
from statistics import fmean
from xml.etree import ElementTree

import numpy as np
import pytest

from patchsieve.pictures.bench.board import Board, Place
from patchsieve.pictures.bench.gaps import gap_figure, gap_table, gaps
from patchsieve.pictures.bench.noise_curves import noise_curves
from patchsieve.pictures.bench.settings import setting_figure, studies

TEXT = "{http://www.w3.org/2000/svg}text"


def mean_of(results, system, noise, overlap, *, metric="image_auroc", category=None):
    return fmean(
        one.metrics[metric]
        for one in results
        if one.cell.system.name == system
        and one.cell.condition.noise == noise
        and (not noise or one.cell.condition.overlap == overlap)
        and category in (None, one.cell.category)
    )


def heights_of(svg, part):
    """Where the texts that match stand, from the top."""
    found = []
    for element in ElementTree.fromstring(svg).iter(TEXT):
        if re.search(part, element.text or ""):
            placed = re.search(r"translate\([-\d.]+ ([-\d.]+)\)", element.get("transform", ""))
            found.append(float(placed.group(1) if placed else element.get("y")))
    return np.sort(found)


def test_a_curve_shows_the_means_over_categories_and_seeds(grid):
    results = grid()
    figure = noise_curves(Board(results), "image_auroc")
    assert len(figure.table.rows) == 2 * 3 * 3
    for overlap, system, noise, value, spread, seeds in figure.table.rows:
        assert value == pytest.approx(mean_of(results, system, noise, overlap))
        assert spread > 0
        assert seeds == 3


def test_every_line_has_its_name_and_last_value_at_its_end(grid, words):
    results = grid()
    seen = words(noise_curves(Board(results), "image_auroc").svg)
    for overlap in ("none", "same"):
        for system in ("softpatch-lof", "patchcore", "padim"):
            assert f"{mean_of(results, system, 0.4, overlap):.3f}  {system}" in seen
    assert {"0 %", "10 %", "40 %", "image AUROC"} <= set(seen)


def test_a_line_that_ends_before_the_others_says_where(grid, words):
    results = [*grid(("padim",)), *grid(("spade",), rates=(0.0, 0.1)), *grid(("cflow",), rates=(0.0,))]
    seen = words(noise_curves(Board(results), "image_auroc").svg)
    assert f"{mean_of(results, 'padim', 0.4, 'same'):.3f}  padim" in seen
    assert f"{mean_of(results, 'spade', 0.1, 'same'):.3f}  spade (at 10 %)" in seen
    assert seen.count(f"{mean_of(results, 'cflow', 0.0, 'same'):.3f}  cflow (at 0 %)") == 2


def test_the_words_for_who_cannot_see_have_the_numbers(grid):
    results = grid(overlaps=("same",))
    figure = noise_curves(Board(results), "image_auroc")
    assert (
        f"padim from {mean_of(results, 'padim', 0.0, 'same'):.3f} at 0 % "
        f"to {mean_of(results, 'padim', 0.4, 'same'):.3f} at 40 %" in figure.alt
    )


def test_a_curve_of_one_category(grid):
    results = grid()
    figure = noise_curves(Board(results), "pixel_auroc", Place("factory", "cookies"))
    assert "cookies" in figure.title
    for overlap, system, noise, value, *_ in figure.table.rows:
        assert value == pytest.approx(
            mean_of(results, system, noise, overlap, metric="pixel_auroc", category="cookies")
        )


def test_equal_results_are_equal_bytes(grid):
    assert noise_curves(Board(grid()), "image_auroc") == noise_curves(Board(grid()), "image_auroc")


def long_names(count):
    return tuple(f'<a rather "long" & 检测 name of a system, {index:02}' for index in range(count))


def test_eight_long_names_are_told_apart_and_do_not_overlap(grid):
    names = long_names(8)
    assert len(names[0]) >= 40
    results = grid(names, ("tile",), (0.0, 0.05, 0.1, 0.15, 0.2, 0.4), ("same",), (0,))
    figure = noise_curves(Board(results), "image_auroc")
    places = heights_of(figure.svg, r"^\d\.\d{3}  ")
    assert len(places) == 8
    # In points; the letters are 9 high.
    assert np.diff(places).min() >= 11
    assert {row[1] for row in figure.table.rows} == set(names)


def test_more_systems_have_a_panel_each_with_both_ends_of_their_line(grid, words):
    names = long_names(20)
    results = grid(names, ("tile",), (0.0, 0.05, 0.1, 0.15, 0.2, 0.4), ("none", "same"), (0, 1))
    figure = noise_curves(Board(results), "image_auroc")
    seen = words(figure.svg)
    for number, name in enumerate(names):
        assert sum(text.endswith(f", {number:02}") for text in seen) == 2
        for overlap in ("none", "same"):
            clean, worst = (mean_of(results, name, rate, overlap) for rate in (0.0, 0.4))
            assert f"{clean:.3f} → {worst:.3f}" in seen
    # Four rows of five, twice: names stand above their panels, none on another.
    rows, count = np.unique(heights_of(figure.svg, r", \d\d$").round(), return_counts=True)
    assert count.tolist() == [5] * 8
    assert np.diff(rows).min() > 72
    assert seen.count("40 %") == 2 * 5
    assert "in grey" in figure.caption
    assert {row[1] for row in figure.table.rows} == set(names)


def test_who_guesses_is_marked_in_every_small_panel(grid):
    results = grid(long_names(9), overlaps=("same",))
    lower = [replace(one, metrics={"image_auroc": one.metrics["image_auroc"] - 0.4}) for one in results]
    drawn = (noise_curves(Board(each), "image_auroc").svg for each in (results, lower))
    assert [svg.count("stroke-dasharray") for svg in drawn] == [0, 9]


def test_where_lines_reach_the_value_of_guessing_it_is_marked(grid, words):
    results = grid(("padim",))
    lower = [replace(one, metrics={"image_auroc": one.metrics["image_auroc"] - 0.4}) for one in results]
    assert "guessing" not in words(noise_curves(Board(results), "image_auroc").svg)
    assert words(noise_curves(Board(lower), "image_auroc").svg).count("guessing") == 2


def test_one_noise_rate_is_no_curve(grid):
    assert noise_curves(Board(grid(rates=(0.1,))), "image_auroc") is None
    assert noise_curves(Board(grid(masks=False)), "pixel_auroc") is None
    assert noise_curves(Board([]), "image_auroc") is None


def test_one_seed_says_that_its_spread_is_not_known(grid):
    figure = noise_curves(Board(grid(seeds=(0,))), "image_auroc")
    assert "One seed only" in figure.caption
    assert {row[4] for row in figure.table.rows} == {None}


def test_a_gap_is_noisy_minus_clean(grid):
    results = grid()
    rows = gaps(Board(results), "image_auroc", 0.1, "same")
    assert [row.place for row in rows] == ["tile"] * 3 + ["cookies"] * 3 + ["average"] * 3
    for row in rows:
        category = None if row.place == "average" else row.place
        noisy = mean_of(results, row.system, 0.1, "same", category=category)
        clean = mean_of(results, row.system, 0.0, "same", category=category)
        assert row.difference == pytest.approx(noisy - clean)


def test_the_gaps_can_be_read_as_numbers(grid, words):
    board = Board(grid())
    rows = gaps(board, "image_auroc", 0.4, "none")
    figure, table = (draw(board, "image_auroc", 0.4, "none") for draw in (gap_figure, gap_table))
    seen = words(figure.svg)
    for row in rows:
        assert f"{row.difference:+.3f}" in seen
    assert figure.table.rows == tuple((r.place, r.system, r.clean, r.noisy, r.difference) for r in rows)
    assert table.table.rows[-1] == ("average", *(r.difference for r in rows if r.place == "average"))
    assert table.shown.rows[0] == ("tile", *(f"{r.difference:+.3f}" for r in rows if r.place == "tile"))


def test_more_systems_than_categories_go_down_the_page(grid):
    board = Board(
        grid(tuple(f"system {number}" for number in range(9)), rates=(0.0, 0.1), overlaps=("same",))
    )
    table = gap_table(board, "image_auroc", 0.1, "same")
    assert table.shown.header == ("detector", "tile", "cookies", "average")
    assert [row[0] for row in table.shown.rows] == list(table.table.header[1:])
    numbers = [[f"{value:+.3f}" for value in row[1:]] for row in table.table.rows]
    assert [list(row[1:]) for row in table.shown.rows] == [
        list(column) for column in zip(*numbers, strict=True)
    ]


def test_a_gap_that_rounds_to_nothing_is_no_loss(result):
    clean, noisy = (result(noise=noise, overlap="same" if noise else "none") for noise in (0.0, 0.1))
    noisy = replace(noisy, metrics={"image_auroc": clean.metrics["image_auroc"] - 1e-4})
    assert gap_table(Board([clean, noisy]), "image_auroc", 0.1, "same").shown.rows == (("tile", "0.000"),)


def test_without_clean_results_there_is_no_gap(grid):
    board = Board(grid(rates=(0.1, 0.4)))
    assert gap_figure(board, "image_auroc", 0.1, "same") is None
    assert gap_table(board, "image_auroc", 0.1, "same") is None


def study_of(result, setting, values, **options):
    return [
        result(f"softpatch-lof {setting}={value}", noise=noise, overlap="same" if noise else "none", seed=seed,
               varied=(setting, value), **options)
        for value in values
        for noise in (0.0, 0.1)
        for seed in (0, 1)
    ]  # fmt: skip


def test_numbers_make_a_curve_in_their_order(result, words):
    results = study_of(result, "tau", (0.3, 0.05, 0.15))
    (study,) = studies(Board(results))
    assert (study.base, study.setting, study.numeric) == ("softpatch-lof", "tau", True)
    assert [value for value, _ in study.systems] == [0.05, 0.15, 0.3]
    figure = setting_figure(Board(results), study)
    for metric, _, value, noise, overlap, mean, *_ in figure.table.rows:
        name = f"softpatch-lof tau={value}"
        assert mean == pytest.approx(mean_of(results, name, noise, overlap, metric=metric))
    assert len(figure.table.rows) == 2 * 3 * 2
    last = mean_of(results, "softpatch-lof tau=0.3", 0.1, "same")
    assert f"{last:.3f}  10 % noise, overlap" in words(figure.svg)
    assert {"tau", "0.05", "0.15", "0.3"} <= set(words(figure.svg))


@pytest.mark.parametrize(
    "values",
    [("lite0", "<wide> & 检测"), (True, False), (("blocks.1", "blocks.2"), ("blocks.3",)), ("64", 96)],
)
def test_anything_else_makes_bars(result, words, values):
    results = study_of(result, "layers", values)
    (study,) = studies(Board(results))
    assert not study.numeric
    figure = setting_figure(Board(results), study)
    seen = words(figure.svg)
    for value in values:
        clean = mean_of(results, f"softpatch-lof layers={value}", 0.0, "none")
        noisy = mean_of(results, f"softpatch-lof layers={value}", 0.1, "same")
        assert f"{clean:.3f}  clean" in seen
        assert f"{noisy:.3f}  10 % noise, overlap" in seen


def test_a_study_without_masks_has_one_panel_and_one_without_results_none(result):
    results = study_of(result, "tau", (0.1, 0.2), masks=False)
    (study,) = studies(Board(results))
    assert {row[0] for row in setting_figure(Board(results), study).table.rows} == {"image_auroc"}
    assert setting_figure(Board([]), study) is None


def test_one_value_is_no_study(result):
    assert not studies(Board(study_of(result, "tau", (0.1,))))
