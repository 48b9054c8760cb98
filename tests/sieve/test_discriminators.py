"""Each discriminator against a twin that is slow and obvious: scikit-learn, or the paper's equation in NumPy."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from patchsieve.errors import ConfigError
from patchsieve.sieve import (
    BY_POSITION,
    DISCRIMINATORS,
    LOF,
    ByPosition,
    Gaussian,
    Mutual,
    Nearest,
    make_discriminator,
)

Features = npt.NDArray[np.float32]


def features(positions: int, images: int, channels: int, *, seed: int = 0, offset: float = 0.0) -> Features:
    """Clustered features `[P, N, C]`, every position with its own centre and spread."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.5, 2.0, (positions, 1, 1))
    centre = rng.normal(size=(positions, 1, channels))
    return (rng.normal(size=(positions, images, channels)) * spread + centre + offset).astype(np.float32)


def scored(discriminator: ByPosition, values: Features) -> npt.NDArray[np.float32]:
    scores = discriminator.score(torch.from_numpy(values.copy()))
    assert scores.dtype == torch.float32
    assert scores.shape == values.shape[:2]
    return scores.numpy()


def lof_twin(values: Features, k: int) -> npt.NDArray[np.float64]:
    return np.stack(
        [
            -LocalOutlierFactor(n_neighbors=k, algorithm="brute")
            .fit(position.astype(np.float64))
            .negative_outlier_factor_
            for position in values
        ]
    )


def nearest_twin(values: Features) -> npt.NDArray[np.float64]:
    """Without queries scikit-learn leaves every point out of its own neighbours."""
    return np.stack(
        [
            NearestNeighbors(n_neighbors=1, algorithm="brute")
            .fit(position.astype(np.float64))
            .kneighbors()[0][:, 0]
            for position in values
        ]
    )


def gaussian_twin(values: Features, eps: float) -> npt.NDArray[np.float64]:
    scores = np.empty(values.shape[:2])
    for index, position in enumerate(values.astype(np.float64)):
        covariance = np.atleast_2d(np.cov(position, rowvar=False)) + eps * np.eye(position.shape[1])
        away = position - position.mean(axis=0)
        scores[index] = np.sqrt(np.einsum("nc,cd,nd->n", away, np.linalg.inv(covariance), away))
    return scores


shapes = st.tuples(st.integers(1, 4), st.integers(2, 30), st.integers(2, 24), st.integers(0, 1000))


@settings(max_examples=40, deadline=None)
@given(shape=shapes, k=st.integers(1, 12))
def test_lof_is_that_of_scikit_learn_at_every_position(shape: tuple[int, int, int, int], k: int) -> None:
    positions, images, channels, seed = shape
    values = features(positions, images, channels, seed=seed)
    k = min(k, images - 1)
    np.testing.assert_allclose(scored(LOF(k=k), values), lof_twin(values, k), rtol=1e-3)


@settings(max_examples=40, deadline=None)
@given(shape=shapes)
def test_nearest_is_the_distance_to_the_closest_other_image(shape: tuple[int, int, int, int]) -> None:
    positions, images, channels, seed = shape
    values = features(positions, images, channels, seed=seed)
    np.testing.assert_allclose(scored(Nearest(), values), nearest_twin(values), rtol=1e-5, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(shape=shapes, eps=st.sampled_from([1e-3, 0.01, 1.0]))
def test_gaussian_is_the_mahalanobis_distance(shape: tuple[int, int, int, int], eps: float) -> None:
    positions, images, channels, seed = shape
    values = features(positions, images, channels, seed=seed)
    np.testing.assert_allclose(
        scored(Gaussian(eps=eps), values), gaussian_twin(values, eps), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("images", "channels"),
    [(9, 10), (10, 10), (11, 10), (5, 60), (60, 5), (64, 64), (70, 65), (200, 128), (300, 200), (150, 200)],
)
def test_gaussian_is_the_same_with_fewer_and_with_more_images_than_channels(
    images: int, channels: int
) -> None:
    values = features(3, images, channels)
    np.testing.assert_allclose(scored(Gaussian(), values), gaussian_twin(values, 0.01), rtol=1e-4)


def test_lof_with_just_enough_images_takes_all_the_others_as_neighbours() -> None:
    values = features(4, 7, 16)
    assert LOF(k=6).min_images == 7
    np.testing.assert_allclose(scored(LOF(k=6), values), lof_twin(values, 6), rtol=1e-4)


def test_lof_among_several_numbers_of_neighbours_is_the_largest_factor() -> None:
    values = features(4, 30, 16)
    among = [lof_twin(values, k) for k in (3, 6, 12)]
    np.testing.assert_allclose(scored(LOF(k=12, also=(3, 6)), values), np.maximum.reduce(among), rtol=1e-3)
    assert all((np.maximum.reduce(among) == each).any() for each in among)


@pytest.mark.parametrize("discriminator", [LOF(), Nearest(), Gaussian()], ids=lambda each: each.name)
def test_features_far_from_the_origin_lose_no_digits(discriminator: ByPosition) -> None:
    """|a|^2 + |b|^2 - 2ab alone would leave about one digit of a distance of 1 at an offset of 1000."""
    values = features(5, 40, 32, offset=1e3)
    twin = {
        "lof": lof_twin(values, 6),
        "nearest": nearest_twin(values),
        "gaussian": gaussian_twin(values, 0.01),
    }
    np.testing.assert_allclose(scored(discriminator, values), twin[discriminator.name], rtol=1e-3)


@pytest.mark.parametrize("discriminator", [LOF(), Nearest(), Gaussian()], ids=lambda each: each.name)
def test_an_odd_patch_scores_highest_at_its_own_position_only(discriminator: ByPosition) -> None:
    values = features(6, 30, 8)
    values[2, 17] += 12.0
    scores = scored(discriminator, values)
    assert scores[2].argmax() == 17
    rest = np.delete(features(6, 30, 8), 2, axis=0)
    np.testing.assert_allclose(np.delete(scores, 2, axis=0), scored(discriminator, rest), rtol=1e-5)


@pytest.mark.parametrize("discriminator", [LOF(), Nearest(), Gaussian()], ids=lambda each: each.name)
def test_the_order_of_the_images_does_not_matter(discriminator: ByPosition) -> None:
    values = features(3, 25, 12)
    order = np.random.default_rng(1).permutation(25)
    np.testing.assert_allclose(
        scored(discriminator, values[:, order]), scored(discriminator, values)[:, order], rtol=1e-4
    )


def test_copies_of_one_image_are_each_others_perfect_neighbours() -> None:
    values = features(3, 12, 8)
    values[:, 5:8] = values[:, 4:5]
    assert (scored(Nearest(), values)[:, 4:8] == 0).all()
    np.testing.assert_allclose(scored(Nearest(), values), nearest_twin(values), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scored(Gaussian(), values), gaussian_twin(values, 0.01), rtol=1e-4)


def test_identical_images_have_a_local_outlier_factor_of_one() -> None:
    values = np.repeat(features(3, 1, 8), 20, axis=1)
    np.testing.assert_allclose(scored(LOF(), values), 1.0, rtol=1e-6)
    np.testing.assert_allclose(scored(Gaussian(), values), 0.0, atol=1e-3)


@pytest.mark.filterwarnings("ignore:Duplicate values")
def test_a_patch_away_from_a_pile_of_copies_is_a_finite_outlier() -> None:
    values = np.repeat(features(2, 1, 8), 20, axis=1)
    values[:, 3] += 1.0
    scores = scored(LOF(), values)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) == 3).all()
    np.testing.assert_allclose(scores[:, 3], lof_twin(values, 6)[:, 3], rtol=1e-3)


@pytest.mark.parametrize("name", BY_POSITION)
def test_the_features_given_are_not_changed(name: str) -> None:
    values = torch.from_numpy(features(3, 12, 8))
    before = values.clone()
    make_discriminator(name).score(values)
    assert torch.equal(values, before)


def test_discriminators_by_name_take_their_settings() -> None:
    assert make_discriminator("lof", lof_k=3) == LOF(k=3)
    assert make_discriminator("gaussian", gaussian_eps=0.5) == Gaussian(eps=0.5)
    assert make_discriminator("mutual", mutual_k=2, mutual_patches=99, seed=4) == Mutual(2, 99, 4)
    assert [make_discriminator(name).name for name in DISCRIMINATORS] == list(DISCRIMINATORS)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("forest", {}, "'forest'.*lof, nearest, gaussian, mutual"),
        ("lof", {"lof_k": 0}, "lof_k is 0"),
        ("gaussian", {"gaussian_eps": 0.0}, "gaussian_eps is 0.0"),
        ("mutual", {"mutual_k": 0}, "mutual_k is 0"),
        ("mutual", {"mutual_k": 5, "mutual_patches": 5}, "mutual_patches is 5"),
    ],
)
def test_what_cannot_work_is_said(name: str, settings: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_discriminator(name, **settings)  # type: ignore[arg-type]
