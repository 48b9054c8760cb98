"""The search against scikit-learn's brute force in float64."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from patchsieve.bank import NearestNeighbours

Points = npt.NDArray[np.float32]


def cloud(count: int, dims: int, seed: int = 0) -> Points:
    return np.random.default_rng(seed).normal(size=(count, dims)).astype(np.float32)


def assert_exact(points: Points, queries: Points, k: int, rtol: float = 1e-5) -> None:
    """Distances are those of brute force, ascending, and each is the one to the point that is named."""
    distances, indices = NearestNeighbours(torch.from_numpy(points)).search(torch.from_numpy(queries), k)
    assert distances.dtype == torch.float32
    assert indices.dtype == torch.int64
    assert distances.shape == indices.shape == (len(queries), k)
    exact = points.astype(np.float64)
    expected, named = (
        NearestNeighbors(n_neighbors=k, algorithm="brute").fit(exact).kneighbors(queries.astype(np.float64))
    )
    np.testing.assert_allclose(distances, expected, rtol=rtol, atol=1e-6)
    own = np.linalg.norm(queries.astype(np.float64)[:, None] - exact[indices.numpy()], axis=2)
    np.testing.assert_allclose(distances, own, rtol=1e-5, atol=1e-6)
    assert (np.diff(distances.numpy(), axis=1) >= 0).all()
    assert all(len(set(row)) == k for row in indices.tolist())
    # Another index than brute force's is a tie to within rounding, and those are rare.
    assert (indices.numpy() == named).mean() > 0.98 or len(queries) * k < 50


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 300),
    count=st.integers(1, 60),
    dims=st.integers(1, 80),
    k=st.integers(1, 12),
    seed=st.integers(0, 10**6),
)
def test_neighbours_are_those_of_brute_force(size: int, count: int, dims: int, k: int, seed: int) -> None:
    assert_exact(cloud(size, dims, seed), cloud(count, dims, seed + 1), min(k, size))


@pytest.mark.parametrize("k", [1, 2, 9])
def test_a_large_bank_of_wide_features_is_searched_exactly(k: int) -> None:
    # Correlated channels of falling strength, as a network's features have them.
    mixing = cloud(256, 256, 1) * np.geomspace(3, 0.01, 256)[:, None]
    assert_exact(
        (cloud(3000, 256, 2) @ mixing).astype(np.float32), (cloud(200, 256, 3) @ mixing).astype(np.float32), k
    )


@pytest.mark.parametrize("k", [1, 5])
def test_features_far_from_the_origin_lose_no_digits(k: int) -> None:
    assert_exact(cloud(500, 32, 1) + 1000, cloud(100, 32, 2) + 1000, k)


@pytest.mark.parametrize("k", [1, 5])
def test_clusters_far_from_their_common_mean_are_searched_exactly(k: int) -> None:
    rng = np.random.default_rng(0)
    centres = rng.choice([-30.0, 30.0], size=(6, 32))
    points = (centres[rng.integers(6, size=1500)] + rng.normal(size=(1500, 32))).astype(np.float32)
    queries = (centres[rng.integers(6, size=100)] + rng.normal(size=(100, 32))).astype(np.float32)
    assert_exact(points, queries, k, rtol=1e-4)


@pytest.mark.parametrize("k", [1, 4])
def test_lengths_of_many_scales_are_searched_exactly(k: int) -> None:
    rng = np.random.default_rng(7)
    points = cloud(1000, 24, 1) * rng.lognormal(sigma=1.5, size=(1000, 1))
    queries = cloud(150, 24, 2) * rng.lognormal(sigma=1.5, size=(150, 1))
    assert_exact(points.astype(np.float32), queries.astype(np.float32), k, rtol=1e-4)


@pytest.mark.parametrize("k", [1, 3])
def test_queries_far_outside_the_bank_still_find_its_nearest_side(k: int) -> None:
    assert_exact(cloud(400, 16, 1), cloud(50, 16, 2) * 100, k)


def test_a_point_of_the_bank_is_its_own_neighbour_at_distance_zero() -> None:
    points = cloud(800, 64) + 5
    distances, indices = NearestNeighbours(torch.from_numpy(points)).search(torch.from_numpy(points))
    assert (distances == 0).all()
    assert indices[:, 0].tolist() == list(range(800))


def test_copies_in_the_bank_are_all_found() -> None:
    points = np.concatenate([cloud(30, 8, 1), np.repeat(cloud(1, 8, 2), 3, axis=0)])
    distances, indices = NearestNeighbours(torch.from_numpy(points)).search(
        torch.from_numpy(points[31:32]), 3
    )
    assert (distances == 0).all()
    assert sorted(indices[0].tolist()) == [30, 31, 32]


@pytest.mark.parametrize(("size", "k"), [(1, 1), (2, 1), (2, 2), (5, 4), (5, 5), (17, 17)])
def test_a_bank_hardly_larger_than_k_is_enough(size: int, k: int) -> None:
    assert_exact(cloud(size, 6, 1), cloud(20, 6, 2), k)


def test_a_bank_of_identical_points_gives_the_distance_to_them() -> None:
    points = np.repeat(cloud(1, 8, 1), 40, axis=0)
    queries = cloud(10, 8, 2)
    distances, _ = NearestNeighbours(torch.from_numpy(points)).search(torch.from_numpy(queries), 2)
    np.testing.assert_allclose(distances[:, 1], np.linalg.norm(queries - points[0], axis=1), rtol=1e-5)


def test_many_queries_at_once_and_one_by_one_find_the_same() -> None:
    index = NearestNeighbours(torch.from_numpy(cloud(600, 20, 1)))
    queries = torch.from_numpy(cloud(90, 20, 2))
    together = index.search(queries, 1)
    alone = [index.search(query[None], 1) for query in queries]
    torch.testing.assert_close(together[0], torch.cat([found[0] for found in alone]), rtol=1e-6, atol=0)
    assert torch.equal(together[1], torch.cat([found[1] for found in alone]))


def test_neither_the_bank_nor_the_queries_are_changed() -> None:
    points, queries = torch.from_numpy(cloud(100, 8, 1)), torch.from_numpy(cloud(20, 8, 2))
    before = points.clone(), queries.clone()
    index = NearestNeighbours(points)
    index.search(queries)
    index.search(queries, 3)
    assert torch.equal(points, before[0])
    assert torch.equal(queries, before[1])
    assert torch.equal(index.points, before[0])
