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


def test_without_radii_it_is_the_plain_search() -> None:
    random = torch.Generator().manual_seed(0)
    bank, asked = torch.randn(500, 30, generator=random), torch.randn(200, 30, generator=random)
    plain = NearestNeighbours(bank)
    distances, nearest = plain.search(asked)
    found, named = ReachNeighbours(plain, torch.zeros(500)).search(asked)
    assert torch.equal(found, distances[:, 0])
    assert torch.equal(named, nearest[:, 0])
