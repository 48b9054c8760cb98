"""Anomaly maps against bilinear upsampling written out and SciPy's Gaussian filter."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from patchsieve.detectors.maps import MapSmoother

Array = npt.NDArray[np.float64]


def upsampled(grid: Array, height: int, width: int) -> Array:
    """Bilinear between patch centres, held constant beyond the outermost."""
    rows = np.clip((np.arange(height) + 0.5) * grid.shape[0] / height - 0.5, 0, grid.shape[0] - 1)
    columns = np.clip((np.arange(width) + 0.5) * grid.shape[1] / width - 0.5, 0, grid.shape[1] - 1)
    tall = np.stack([np.interp(rows, np.arange(grid.shape[0]), line) for line in grid.T], axis=1)
    return np.stack([np.interp(columns, np.arange(grid.shape[1]), line) for line in tall])


@settings(max_examples=30, deadline=None)
@given(
    grid=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    frame=st.tuples(st.integers(32, 80), st.integers(32, 80)),
    sigma=st.sampled_from([0.0, 0.7, 4.0, 15.0]),
)
def test_maps_are_those_of_scipy(grid: tuple[int, int], frame: tuple[int, int], sigma: float) -> None:
    scores = np.random.default_rng(0).random((3, *grid)).astype(np.float32)
    maps = MapSmoother(grid, frame, sigma)(torch.from_numpy(scores))
    assert maps.dtype == torch.float32
    assert maps.shape == (3, *frame)
    for patch_scores, anomaly_map in zip(scores.astype(np.float64), maps, strict=True):
        expected = upsampled(patch_scores, *frame)
        if sigma:
            expected = gaussian_filter(expected, sigma, mode="reflect")
        np.testing.assert_allclose(anomaly_map, expected, rtol=1e-4, atol=1e-5)


def test_the_papers_sizes() -> None:
    scores = np.random.default_rng(1).random((2, 28, 28)).astype(np.float32)
    maps = MapSmoother((28, 28), (224, 224), 4.0)(torch.from_numpy(scores))
    expected = gaussian_filter(upsampled(scores[1].astype(np.float64), 224, 224), 4.0)
    np.testing.assert_allclose(maps[1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 3.5])
def test_even_scores_give_an_even_map(value: float) -> None:
    maps = MapSmoother((7, 5), (64, 48), 4.0)(torch.full((1, 7, 5), value))
    np.testing.assert_allclose(maps, value, rtol=1e-5)


def test_no_images_give_no_maps() -> None:
    assert MapSmoother((7, 5), (64, 48), 4.0)(torch.empty(0, 7, 5)).shape == (0, 64, 48)
