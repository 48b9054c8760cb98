"""SoftPatch against its equations, written out in NumPy from the sieve to the score."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.neighbors import LocalOutlierFactor

from patchsieve.detectors import SoftPatch
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.features import Embeddings
from patchsieve.sieve import DISCRIMINATORS

Synthetic = Callable[..., Embeddings]
Array = npt.NDArray[np.float64]


def outliers(features: Array, discriminator: str, k: int, eps: float) -> Array:
    """Equations 2 to 6 at every position: W `[N, H, W]`."""
    images, height, width, channels = features.shape
    if discriminator == "mutual":
        return mutual(features, 3)
    weights = np.empty((images, height, width))
    for row in range(height):
        for column in range(width):
            x = features[:, row, column]
            between = np.linalg.norm(x[:, None] - x[None], axis=2)
            if discriminator == "nearest":
                np.fill_diagonal(between, np.inf)
                weights[:, row, column] = between.min(axis=1)
            elif discriminator == "gaussian":
                inverse = np.linalg.inv(np.cov(x, rowvar=False) + eps * np.eye(channels))
                away = x - x.mean(axis=0)
                weights[:, row, column] = np.sqrt(np.einsum("nc,cd,nd->n", away, inverse, away))
            else:
                lof = LocalOutlierFactor(n_neighbors=k, metric="precomputed").fit(between)
                weights[:, row, column] = -lof.negative_outlier_factor_
    return weights


def mutual(features: Array, k: int) -> Array:
    """The k-th nearest other image, whose distance is that of its nearest patch; all patches compared."""
    images, height, width, channels = features.shape
    patches = features.reshape(images, -1, channels)
    away = np.stack(
        [np.linalg.norm(patches[:, :, None] - each, axis=3).min(axis=2) for each in patches], axis=2
    )
    away[np.arange(images), :, np.arange(images)] = np.inf
    return np.sort(away, axis=2)[:, :, k - 1].reshape(images, height, width)


def greedy(points: Array, count: int, start: int) -> list[int]:
    picks = [start]
    distances = np.linalg.norm(points - points[start], axis=1)
    while len(picks) < count:
        picks.append(int(distances.argmax()))
        distances = np.minimum(distances, np.linalg.norm(points - points[picks[-1]], axis=1))
    return picks


def numpy_softpatch(
    train: Array, test: Array, model: SoftPatch, first: tuple[int, ...]
) -> tuple[set[tuple[int, ...]], Array, Array]:
    """The whole of the paper; `first` is the patch that the coreset starts at, which is random.

    Returns:
        Origins of the bank's patches, image scores `[B]`, patch scores `[B, H, W]`.
    """
    weights = outliers(train, model.discriminator, model.lof_k, model.gaussian_eps)
    order = np.argsort(-weights, axis=None)
    stay = np.sort(order[int(model.tau * weights.size) :])
    places = np.stack(np.unravel_index(stay, weights.shape), axis=1)
    points = train.reshape(-1, train.shape[3])[stay]
    start = [tuple(place) for place in places.tolist()].index(first)
    picks = greedy(points, int(model.coreset_ratio * len(points)), start)
    bank, soft = points[picks], weights.reshape(-1)[stay][picks]
    distances = np.linalg.norm(test[:, :, :, None] - bank, axis=4)
    nearest = distances.argmin(axis=3)
    scores = distances.min(axis=3) * (soft[nearest] if model.soft_weights else 1.0)
    return {tuple(place) for place in places[picks].tolist()}, scores.max(axis=(1, 2)), scores


@pytest.mark.parametrize("soft_weights", [True, False])
@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
def test_the_whole_method_is_that_of_the_equations(
    discriminator: str, soft_weights: bool, synthetic: Synthetic
) -> None:
    train, test = synthetic(24), synthetic(7, seed=1)
    train.features.tensor()[3, 1:3, 1:3] += 6.0
    model = SoftPatch(discriminator=discriminator, soft_weights=soft_weights, coreset_ratio=0.2, lof_k=5)
    model.learn(train.features)
    first = tuple(model.bank_.origins[0].tolist())
    origins, image_scores, patch_scores = numpy_softpatch(
        train.features.tensor().double().numpy(), test.features.tensor().double().numpy(), model, first
    )
    assert {tuple(origin) for origin in model.bank_.origins.tolist()} == origins
    ours, our_patches = model.score(test.features.tensor())
    np.testing.assert_allclose(our_patches, patch_scores, rtol=1e-4)
    np.testing.assert_allclose(ours, image_scores, rtol=1e-4)


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
def test_the_defects_are_sieved_out_and_never_in_the_bank(discriminator: str, synthetic: Synthetic) -> None:
    """8 of 600 patches are far from all others; 15 % are sieved."""
    train = synthetic(30)
    # One at a position: two would hide each other from the Gaussian, whose covariance they widen.
    defects = {(image, row, column) for image, column in ((4, 2), (20, 3)) for row in range(4)}
    for image, row, column in defects:
        train.features.tensor()[image, row, column] += 9.0
    for seed in range(3):
        model = SoftPatch(discriminator=discriminator, coreset_ratio=0.5, seed=seed)
        model.learn(train.features)
        assert len(model.bank_) == int(0.5 * (600 - 90))
        assert not defects & {tuple(origin) for origin in model.bank_.origins.tolist()}


def test_without_soft_weights_the_score_is_the_distance(synthetic: Synthetic) -> None:
    train, test = synthetic(20), synthetic(5, seed=1)
    model = SoftPatch(soft_weights=False)
    model.learn(train.features)
    assert model.bank_.weights is None
    expected = (
        torch.cdist(test.features.tensor().reshape(-1, 12), model.bank_.features).amin(dim=1).view(5, 4, 5)
    )
    torch.testing.assert_close(model.score(test.features.tensor())[1], expected, rtol=1e-3, atol=1e-3)


def test_a_defect_scores_higher_at_its_patch_and_for_its_image(synthetic: Synthetic) -> None:
    model = SoftPatch().fit(synthetic(30))
    test = synthetic(6, seed=1)
    test.features.tensor()[4, 3, 1] += 8.0
    image_scores, patch_scores = model.score(test.features.tensor())
    assert int(image_scores.argmax()) == 4
    assert int(patch_scores[4].argmax()) == 3 * 5 + 1


def test_few_images_are_cross_fitted_with_fewer_neighbours(synthetic: Synthetic) -> None:
    """Seven images are enough for k = 6; two thirds of them are not, and calibrate with k = 3."""
    model = SoftPatch(lof_k=6).fit(synthetic(7))
    assert model.lof_k == 6
    assert np.isfinite(model.training_.scores).all()
    assert np.isfinite(model.threshold_)


def test_few_images_are_cross_fitted_with_a_nearer_other_image(synthetic: Synthetic) -> None:
    """Four images are enough for k = 3; two thirds of them are not, and calibrate with k = 1."""
    model = SoftPatch(discriminator="mutual").fit(synthetic(4))
    assert model.mutual_k == 3
    assert np.isfinite(model.training_.scores).all()
    with pytest.raises(ImagesError, match="at least 4 training images and has 3"):
        SoftPatch(discriminator="mutual").fit(synthetic(3))


@pytest.mark.parametrize("images", [2, 6])
def test_fewer_images_than_neighbours_are_counted_in_the_error(images: int, synthetic: Synthetic) -> None:
    with pytest.raises(ImagesError, match=f"at least 7 training images and has {images}"):
        SoftPatch(lof_k=6).fit(synthetic(images))


@pytest.mark.parametrize("discriminator", ["nearest", "gaussian"])
def test_two_images_are_enough_but_not_to_be_split(discriminator: str, synthetic: Synthetic) -> None:
    model = SoftPatch(discriminator=discriminator).fit(synthetic(2))
    assert model.threshold_ > 0
    with pytest.raises(ImagesError, match="2 training images are too few"):
        model.for_fewer(1, 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tau": 1.0}, "tau is 1.0"),
        ({"tau": -0.01}, "tau is -0.01"),
        ({"discriminator": "forest"}, "'forest'"),
        ({"lof_k": 0}, "lof_k is 0"),
        ({"gaussian_eps": 0.0, "discriminator": "gaussian"}, "gaussian_eps is 0"),
    ],
)
def test_what_cannot_work_is_said_before_the_work(
    settings: dict[str, object], said: str, synthetic: Synthetic
) -> None:
    with pytest.raises(ConfigError, match=said):
        SoftPatch(**settings).fit(synthetic(10))  # type: ignore[arg-type]
