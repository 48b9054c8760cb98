"""Pictures of single runs, against counts and areas computed from the scores."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from patchsieve.evaluation.bench import CellResult, Condition
from patchsieve.pictures.bench.board import Board, Place
from patchsieve.pictures.bench.confusion import confusion
from patchsieve.pictures.bench.histograms import score_histograms
from patchsieve.pictures.bench.rankings import ranking_curves
from patchsieve.pictures.bench.scene import scene, shown_cells

TILE = Place("factory", "tile")
DRAWN = {"curves": ranking_curves, "scores": score_histograms, "confusion": confusion}


@pytest.fixture(scope="module")
def seen(grid):
    return scene(Board(grid()), TILE, Condition(0.1, "same", 1))


def test_a_scene_holds_one_condition_of_one_category(seen):
    assert list(seen.results) == ["softpatch-lof", "patchcore", "padim"]
    conditions = {
        (r.cell.category, r.cell.condition.noise, r.cell.condition.seed) for r in seen.results.values()
    }
    assert conditions == {("tile", 0.1, 1)}
    assert seen.title == "tile, 10 % noise, overlap, seed 1"


def test_pictures_of_one_model_are_of_the_condition_that_the_rest_of_the_report_shows(grid, result):
    results = [result(failure="no"), *grid(seeds=(1, 2))]
    system = results[0].cell.system
    shown = shown_cells(results, system)
    assert [(cell.system, cell.category) for cell in shown] == [(system, "tile"), (system, "cookies")]
    assert {cell.condition for cell in shown} == {Condition(0.1, "same", 1)}
    without = [grid(rates=rates, overlaps=("none",), seeds=(0,)) for rates in ((0.0,), (0.0, 0.4))]
    assert [shown_cells(one, system)[0].condition.noise for one in without] == [0.0, 0.4]
    assert shown_cells(results[:1], system) == ()


@pytest.mark.parametrize("kind", DRAWN)
def test_equal_scenes_are_equal_bytes(seen, kind):
    assert DRAWN[kind](seen) == DRAWN[kind](seen)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_scene_without_results_is_no_picture(kind):
    assert DRAWN[kind](scene(Board([]), TILE, Condition(0.1, "same", 0))) is None


def test_many_systems_have_curves_of_their_own_the_best_first(grid, words):
    many = scene(
        Board(grid(tuple(f"system {n}" for n in range(12)), ("tile",))), TILE, Condition(0.1, "same", 1)
    )
    figure = ranking_curves(many)
    seen = words(figure.svg)
    areas = [roc_auc_score(result.labels, result.scores) for result in many.results.values()]
    shown = [float(text.removeprefix("AUROC ")) for text in seen if text.startswith("AUROC ")]
    assert shown == pytest.approx(sorted(areas, reverse=True), abs=5e-4)
    for name, result in many.results.items():
        assert seen.count(name) == 2
        assert f"average precision {average_precision_score(result.labels, result.scores):.3f}" in seen
    assert "in grey" in figure.caption


def test_many_curves_of_many_images_stay_a_small_picture(result):
    """Each of 12 panels has all 12 curves, but not a step for each image in all of them."""
    generator = np.random.default_rng(0)
    labels = np.arange(2000) % 2 == 1
    results = [
        replace(
            result(f"system {number}", noise=0.1, overlap="same"),
            labels=labels,
            scores=(generator.normal(size=2000) + labels).astype(np.float32),
        )
        for number in range(12)
    ]
    figure = ranking_curves(scene(Board(results), TILE, Condition(0.1, "same", 0)))
    corners = np.sort(np.char.count(re.findall(r' d="([^"]*)"', figure.svg), "L"))
    assert corners[-2 * 12 :].min() > 500
    assert corners[: -2 * 12].max() < 10
    assert figure.svg.count("<image") == 2 * 12


def test_the_curves_name_every_area(seen, words):
    figure = ranking_curves(seen)
    text = words(figure.svg)
    for name, result in seen.results.items():
        assert name in text
        assert f"{roc_auc_score(result.labels, result.scores):.3f}" in text
        assert f"{average_precision_score(result.labels, result.scores):.3f}" in text


def test_the_points_of_a_curve_have_its_area(seen):
    figure = ranking_curves(seen)
    for name, result in seen.results.items():
        x, y = np.array([row[2:] for row in figure.table.rows if row[:2] == ("roc", name)]).T
        assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(result.labels, result.scores))


def test_a_histogram_counts_every_image_once(seen):
    figure = score_histograms(seen)
    for name, result in seen.results.items():
        rows = [row for row in figure.table.rows if row[0] == name]
        assert sum(row[3] for row in rows) == (~result.labels).sum()
        assert sum(row[4] for row in rows) == result.labels.sum()
        above = (result.scores > result.metrics["threshold"]) & result.labels
        assert f"{name}: above the threshold of" in figure.alt
        assert f"are {above.sum()} of {result.labels.sum()} defective" in figure.alt


def test_verdicts_are_counts_and_shares(seen, words):
    figure = confusion(seen)
    text = words(figure.svg)
    for name, tn, fp, fn, tp in figure.table.rows:
        result = seen.results[name]
        above = result.scores > result.metrics["threshold"]
        expected = [
            np.sum((above == verdict) & (result.labels == truth)) for truth in (0, 1) for verdict in (0, 1)
        ]
        assert [tn, fp, fn, tp] == expected
        assert f"{tp} found" in text
        assert f"{100 * tp / (tp + fn):.0f} %" in text


def only(result, **changes) -> Board:
    values = {"names": result.names, "labels": result.labels, "scores": result.scores} | changes
    return Board([CellResult(result.cell, **{"metrics": result.metrics} | values)])


def test_a_detector_without_a_threshold_has_scores_but_no_verdicts(result, words):
    metrics = {"image_auroc": 0.9, "threshold": None}
    one = scene(only(result(), metrics=metrics), TILE, Condition(0.0, "none", 0))
    figure = score_histograms(one)
    assert "no threshold" in figure.alt
    assert "threshold" not in [*words(figure.svg), *figure.caption.split()]
    assert confusion(one) is None


def test_one_kind_of_image_has_no_curve(result):
    one = result()
    good = scene(only(one, labels=np.zeros_like(one.labels)), TILE, Condition(0.0, "none", 0))
    assert ranking_curves(good) is None
    assert score_histograms(good) is not None


def test_equal_scores_still_make_pictures(result):
    one = result()
    flat = scene(only(one, scores=np.ones_like(one.scores)), TILE, Condition(0.0, "none", 0))
    assert ranking_curves(flat) is not None
    assert score_histograms(flat) is not None
