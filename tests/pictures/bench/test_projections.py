"""Points in the plane: the same every time, the rare kinds among them, and honest about what was left out."""

import numpy as np
import pytest

from patchsieve.errors import ConfigError
from patchsieve.pictures.bench import bank_projection, split_projection
from patchsieve.pictures.bench import projections as projections_module
from patchsieve.pictures.bench.projections import projected

RNG = np.random.default_rng(0)
POINTS = np.concatenate([RNG.normal(0, 1, (80, 12)), RNG.normal(6, 1, (20, 12))])
NOISY = np.repeat([False, True], [80, 20])
PICKED = np.arange(100) % 3 == 0
# UMAP is compiled when it is first used: ten seconds.
every_method = pytest.mark.parametrize(
    "method", ["pca", "tsne", pytest.param("umap", marks=pytest.mark.slow)]
)


def draw(method="pca", points=POINTS, noisy=NOISY, picked=PICKED):
    return bank_projection(points, noisy, picked, title="tile", name="tile", method=method)


def test_pca_is_the_two_directions_of_largest_variance():
    centred = POINTS - POINTS.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ directions[:2].T
    np.testing.assert_allclose(np.abs(projected(POINTS, "pca", 0)), np.abs(expected), atol=1e-9)


@every_method
def test_two_clouds_stay_apart_and_equal_points_are_equal_bytes(method):
    places = projected(POINTS, method, 0)
    good, noise = places[:80], places[80:]
    assert np.linalg.norm(good.mean(0) - noise.mean(0)) > good.std()
    assert draw(method) == draw(method)


def test_the_key_counts_every_kind(words):
    seen = words(draw().svg)
    clean, noise = int((~NOISY & PICKED).sum()), int((NOISY & PICKED).sum())
    assert f"from clean images, in the bank: {clean} of {clean}" in seen
    assert f"from noise images, in the bank: {noise} of {noise}" in seen
    assert "All points are drawn" in draw().caption


def test_of_many_points_the_few_that_matter_are_drawn_and_the_caption_says_so():
    count = 50_000
    noisy, picked = np.zeros(count, bool), np.zeros(count, bool)
    noisy[:300] = True
    picked[::1000] = True
    read = []

    def patches(indices):
        read.append(indices)
        return np.random.default_rng(1).normal(size=(len(indices), 4))

    figure = draw(points=patches, noisy=noisy, picked=picked)
    assert len(read) == 1
    assert len(read[0]) == len(np.unique(read[0])) == 3000
    assert noisy[read[0]].sum() == 300
    assert picked[read[0]].sum() == 50
    assert "Of 50,000 points 3,000 are drawn" in figure.caption
    assert [row[0] for row in figure.table.rows] == read[0].tolist()


def test_training_and_test_are_told_apart(words):
    figure = split_projection(POINTS, PICKED, NOISY, title="tile", name="tile")
    assert f"test, defective: {(PICKED & NOISY).sum()} of {(PICKED & NOISY).sum()}" in words(figure.svg)
    assert "PCA" in figure.title


@pytest.mark.parametrize("points", [np.ones((2, 5)), np.ones((9, 1)), np.ones(9)])
def test_too_few_points_or_channels_are_refused(points):
    with pytest.raises(ValueError, match="three points of two channels"):
        projected(points, "pca", 0)


def test_flags_of_another_number_are_refused():
    with pytest.raises(ValueError, match="as many flags"):
        draw(noisy=NOISY[:-1])


@every_method
def test_the_fewest_points_have_a_picture(method):
    rows = draw(method, POINTS[:3], NOISY[:3], PICKED[:3]).table.rows
    assert np.isfinite([row[1:3] for row in rows]).all()
    assert len(rows) == 3


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(ConfigError, match="'sne'; there are pca, tsne, umap"):
        projected(POINTS, "sne", 0)


def test_umap_says_what_to_install(monkeypatch):
    monkeypatch.setattr(projections_module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'patchsieve\[umap\]'"):
        projected(POINTS, "umap", 0)
