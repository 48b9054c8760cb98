"""Figures: the same bytes for the same numbers, text that says the numbers, nothing from outside."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from patchsieve.pictures import ColourScale
from patchsieve.pictures.plots import colour_bar, precision_recall, ranked_scores, roc, score_histogram

RNG = np.random.default_rng(0)
TRAINING = RNG.gamma(9, 0.2, 80).astype(np.float32)
SCORES = np.concatenate([RNG.gamma(9, 0.2, 30), RNG.gamma(9, 0.4, 20)]).astype(np.float32)
LABELS = np.repeat([0, 1], [30, 20])

FIGURES = {
    "histogram": lambda: score_histogram(3.0, TRAINING, SCORES, LABELS),
    "roc": lambda: roc(LABELS, SCORES, 3.0),
    "precision_recall": lambda: precision_recall(LABELS, SCORES, 3.0),
    "ranked": lambda: ranked_scores(TRAINING, 3.0, np.linspace(0.5, 0.0, 80)),
    "colour_bar": lambda: colour_bar(ColourScale(1.0, 5.0), 3.0),
}


def words(svg: str) -> str:
    return " | ".join(
        e.text or "" for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    )


@pytest.mark.parametrize("name", FIGURES)
def test_equal_figures_are_equal_bytes(name) -> None:
    assert FIGURES[name]() == FIGURES[name]()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_svg_element_that_needs_nothing_else(name) -> None:
    svg = FIGURES[name]()
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    references = [value for e in root.iter() for key, value in e.attrib.items() if key.endswith("href")]
    assert all(reference.startswith(("#", "data:")) for reference in references)
    assert "Matplotlib v" not in svg


def test_the_histogram_names_every_group_with_its_size_and_the_threshold() -> None:
    text = words(score_histogram(3.0, TRAINING, SCORES, LABELS))
    for part in (
        "out of sample): 80",
        "good: 30",
        "defective: 20",
        "threshold: 3",
        "no unit",
        "images per bin",
    ):
        assert part in text


def test_the_histogram_leaves_out_what_is_not_there() -> None:
    assert "test images" not in words(score_histogram(3.0, TRAINING))
    only_good = words(score_histogram(3.0, None, SCORES[:30], LABELS[:30]))
    assert "good: 30" in only_good
    assert "defective" not in only_good
    assert "test images: 50" in words(score_histogram(3.0, None, SCORES))


def test_one_enormous_score_does_not_squeeze_the_others_into_one_bin() -> None:
    scores = np.append(TRAINING, np.float32(1e6))
    assert "the last bin holds all beyond" in words(score_histogram(3.0, scores))
    assert "the last bin" not in words(score_histogram(3.0, TRAINING))


@pytest.mark.parametrize("scores", [np.zeros(3), np.full(3, 3.0), np.array([3.0])])
def test_scores_without_spread_still_make_a_histogram(scores) -> None:
    assert f"): {len(scores)}" in words(score_histogram(float(scores[0]), scores))


def test_a_histogram_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        score_histogram(3.0, np.empty(0), None)


def test_ranked_scores_counts_the_suspects_and_shows_the_sieve_when_it_is_known() -> None:
    scores = np.array([1.0, 5.0, 2.0, 4.0, 3.0])
    assert "above the threshold: 2" in words(ranked_scores(scores, 3.0))
    assert "sieved" not in words(ranked_scores(scores, 3.0))
    assert "sieved (%)" in words(ranked_scores(scores, 3.0, np.full(5, 0.2)))


def test_the_operating_point_stands_where_the_counts_say() -> None:
    # 3 of 4 defective images found, 1 of 4 good ones rejected: 25 % across and 75 % up.
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    scores = np.array([1.0, 2.0, 3.0, 6.0, 4.0, 7.0, 8.0, 9.0])
    at = [roc(labels, scores, 5.0), precision_recall(labels, scores, 5.0)]
    for svg, across, up in zip(at, (25, 75), (75, 75), strict=True):
        ticks = re.findall(r'<use xlink:href="#\w+" x="([\d.]+)" y="([\d.]+)" style="stroke: #000000', svg)
        xs = sorted({float(x) for x, y in ticks})
        ys = sorted({float(y) for x, y in ticks})
        # Axis ticks run from 0 to 100; the axes' own edge gives one value more on either.
        mark, _legend = re.findall(r'x="([\d.]+)" y="([\d.]+)" style="fill: #d55e00', svg)
        left, right = xs[1], xs[-1]
        top, bottom = ys[0], ys[-2]
        assert float(mark[0]) == pytest.approx(left + across / 100 * (right - left), abs=0.1)
        assert float(mark[1]) == pytest.approx(bottom + up / 100 * (top - bottom), abs=0.1)


def test_the_colour_bar_marks_the_threshold_only_where_it_lies_on_the_scale() -> None:
    scale = ColourScale(1.0, 5.0)
    assert "threshold" in words(colour_bar(scale, 3.0))
    assert "threshold" not in words(colour_bar(scale, 7.0))
