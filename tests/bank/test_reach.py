"""The smallest reach distance, against its definition."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.bank import NearestNeighbours, ReachNeighbours


@settings(max_examples=40, deadline=None)
@given(
    points=st.integers(1, 60),
    queries=st.integers(1, 40),
    channels=st.integers(1, 20),
    largest=st.sampled_from([0.0, 0.5, 3.0, 100.0]),
    offset=st.sampled_from([0.0, 50.0]),
    seed=st.integers(0, 999),
)
def test_it_is_the_smallest_of_all(
    points: int, queries: int, channels: int, largest: float, offset: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    bank = (random.normal(size=(points, channels)) + offset).astype(np.float32)
    asked = (random.normal(size=(queries, channels)) + offset).astype(np.float32)
    asked[: min(queries, points) : 2] = bank[: min(queries, points) : 2]
    radii = (largest * random.random(points)).astype(np.float32)
    away = np.linalg.norm(asked[:, None].astype(np.float64) - bank[None], axis=2)
    reach = np.maximum(away, radii)
    search = ReachNeighbours(NearestNeighbours(torch.from_numpy(bank)), torch.from_numpy(radii))
    found, named = search.search(torch.from_numpy(asked))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, reach.min(axis=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(reach[np.arange(queries), named], reach.min(axis=1), rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    points=st.integers(2, 40),
    share=st.floats(0.0, 1.0),
    largest=st.sampled_from([0.0, 3.0]),
    seed=st.integers(0, 999),
)
def test_without_some_points_it_is_the_search_of_the_others(
    points: int, share: float, largest: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    bank, asked = (random.normal(size=(count, 5)).astype(np.float32) for count in (points, 20))
    radii, others = torch.from_numpy((largest * random.random((2, points))).astype(np.float32))
    kept = random.random(points) >= share
    kept[random.integers(points)] = True
    whole = ReachNeighbours(NearestNeighbours(torch.from_numpy(bank)), radii)
    fewer = whole.without(torch.from_numpy((~kept).nonzero()[0]), others)
    reach = np.maximum(np.linalg.norm(asked[:, None].astype(np.float64) - bank[None], axis=2), others.numpy())
    found, named = fewer.search(torch.from_numpy(asked))
    assert kept[named].all()
    np.testing.assert_allclose(found, reach[:, kept].min(axis=1), rtol=1e-4, atol=1e-5)
    unchanged = np.maximum(
        np.linalg.norm(asked[:, None].astype(np.float64) - bank[None], axis=2), radii.numpy()
    )
    np.testing.assert_allclose(
        whole.search(torch.from_numpy(asked))[0], unchanged.min(axis=1), rtol=1e-4, atol=1e-5
    )


def test_without_radii_it_is_the_plain_search() -> None:
    random = torch.Generator().manual_seed(0)
    bank, asked = torch.randn(500, 30, generator=random), torch.randn(200, 30, generator=random)
    plain = NearestNeighbours(bank)
    distances, nearest = plain.search(asked)
    found, named = ReachNeighbours(plain, torch.zeros(500)).search(asked)
    assert torch.equal(found, distances[:, 0])
    assert torch.equal(named, nearest[:, 0])
