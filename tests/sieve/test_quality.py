"""Patch quality and its averages, against NumPy."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import gaussian_filter

from patchsieve.errors import ImagesError
from patchsieve.features import PatchFeatures
from patchsieve.sieve import Mutual, PatchQuality, averaged_over_time

Array = npt.NDArray[np.float64]


def drawn(
    images: int = 12, height: int = 3, width: int = 5, channels: int = 6, seed: int = 0
) -> torch.Tensor:
    return torch.randn(images, height, width, channels, generator=torch.Generator().manual_seed(seed))


def three_distances(values: Array, k: int) -> Array:
    images, height, width, channels = values.shape
    distances = np.empty((images, height, width, 3))
    patches = values.reshape(images, -1, channels)
    for n in range(images):
        for h in range(height):
            for w in range(width):
                patch = values[n, h, w]
                around = [(h - 1, w), (h + 1, w), (h, w - 1), (h, w + 1)]
                inside = [values[n, i, j] for i, j in around if 0 <= i < height and 0 <= j < width]
                others = [np.linalg.norm(patches[m] - patch, axis=1).min() for m in range(images) if m != n]
                distances[n, h, w] = (
                    np.mean([np.linalg.norm(patch - other) for other in inside]),
                    np.linalg.norm(patch - values[:, h, w].mean(axis=0)),
                    sorted(others)[k - 1],
                )
    return distances


@pytest.mark.parametrize("sigma", [0.0, 0.8])
def test_quality_is_that_of_the_definition(sigma: float) -> None:
    values = drawn()
    distances = three_distances(values.double().numpy(), 2)
    expected = 2.0 ** -(distances / np.sort(distances.reshape(-1, 3), axis=0)[89]).mean(axis=3)
    if sigma:
        expected = np.stack([gaussian_filter(image, sigma, mode="nearest") for image in expected])
    measure, quality = PatchQuality.learn(PatchFeatures(values), Mutual(k=2), sigma)
    np.testing.assert_allclose(quality, expected, rtol=5e-3)
    again = measure.of(values, torch.from_numpy(distances[..., 2]).float())
    np.testing.assert_allclose(again, quality, rtol=5e-3)


@pytest.mark.parametrize("kind", ["alone in its image", "unusual at its place", "in no other image"])
def test_an_odd_patch_has_low_quality(kind: str) -> None:
    values = 0.1 * drawn(20, 4, 6)
    values += torch.linspace(0, 3, 6)[None, None, :, None]
    if kind == "alone in its image":
        values[4, 2, 1] = values[4, 2, 5]
    elif kind == "unusual at its place":
        values[4, 2] = values[4, 2].flip(0)
    else:
        values[4, 2, 1] += 4 * drawn(1, 1, 1)[0, 0, 0]
    quality = PatchQuality.learn(PatchFeatures(values), Mutual(k=1), 0.0)[1]
    assert quality[4, 2, 1] < 0.5 * np.delete(quality.numpy(), 4, axis=0).mean()


def test_images_that_are_copies_have_no_distances() -> None:
    values = drawn(1, 1, 1).expand(5, 3, 4, 6).contiguous()
    assert (PatchQuality.learn(PatchFeatures(values), Mutual(k=1), 0.0)[1] == 1).all()


def test_a_grid_of_one_patch_has_no_neighbours() -> None:
    quality = PatchQuality.learn(PatchFeatures(drawn(8, 1, 1)), Mutual(k=1), 0.5)[1]
    assert quality.shape == (8, 1, 1)
    assert torch.isfinite(quality).all()


def test_too_few_images_are_counted() -> None:
    with pytest.raises(ImagesError, match="at least 4 training images and has 3"):
        PatchQuality.learn(PatchFeatures(drawn(3)), Mutual(k=3), 0.0)


def test_averages_follow_the_images_in_their_order() -> None:
    quality, before = torch.rand(5, 2, 3), torch.rand(2, 3)
    averaged, after = averaged_over_time(quality, before, rate=0.3, share=0.25)
    moving = before.double().numpy()
    for index, image in enumerate(quality.double().numpy()):
        np.testing.assert_allclose(averaged[index], 0.75 * image + 0.25 * moving, rtol=1e-5)
        moving = 0.7 * moving + 0.3 * image
    np.testing.assert_allclose(after, moving, rtol=1e-5)
