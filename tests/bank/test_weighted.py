"""Neighbours that pull less, against all quotients written out."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.bank import NearestNeighbours, WeightedNeighbours


def drawn(count: int, channels: int, seed: int) -> torch.Tensor:
    return torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40, deadline=None)
@given(
    points=st.integers(1, 200),
    queries=st.integers(1, 40),
    channels=st.integers(1, 40),
    offset=st.sampled_from([0.0, 50.0]),
    seed=st.integers(0, 1000),
)
def test_it_is_the_smallest_quotient(
    points: int, queries: int, channels: int, offset: float, seed: int
) -> None:
    bank, asked = drawn(points, channels, seed) + offset, drawn(queries, channels, seed + 1) + offset
    pulls = torch.rand(points, generator=torch.Generator().manual_seed(seed)) * 0.95 + 0.05
    quotients = np.linalg.norm(asked.double()[:, None] - bank.double(), axis=2) / pulls.double().numpy()
    found, indices = WeightedNeighbours(bank, pulls).search(asked)
    np.testing.assert_allclose(found, quotients[np.arange(queries), indices], rtol=1e-5)
    # Rounding may name another than the best: never a better one, and not one that is much worse.
    longest = float(
        (bank - bank.mean(dim=0)).norm(dim=1).max() + (asked - bank.mean(dim=0)).norm(dim=1).max()
    )
    exact = quotients.min(axis=1)
    assert (found.numpy() >= exact * (1 - 1e-5)).all()
    assert (found.numpy() <= exact + 0.02 * longest / pulls[quotients.argmin(axis=1)].numpy()).all()


@settings(max_examples=30, deadline=None)
@given(points=st.integers(2, 150), hidden=st.integers(1, 149), seed=st.integers(0, 1000))
def test_without_some_it_is_the_search_of_the_others(points: int, hidden: int, seed: int) -> None:
    bank, asked = drawn(points, 8, seed), drawn(30, 8, seed + 1)
    order = torch.randperm(points, generator=torch.Generator().manual_seed(seed))
    away, left = order[: min(hidden, points - 1)], order[min(hidden, points - 1) :].sort().values
    pulls = torch.rand(points, generator=torch.Generator().manual_seed(seed)) * 0.95 + 0.05
    found, indices = WeightedNeighbours(bank, pulls).without(away).search(asked)
    quotients = np.linalg.norm(asked.double()[:, None] - bank.double(), axis=2) / pulls.double().numpy()
    assert torch.isin(indices, left).all()
    np.testing.assert_allclose(found, quotients[np.arange(30), indices], rtol=1e-5)
    exact = quotients[:, left.numpy()].min(axis=1)
    longest = float(
        (bank - bank.mean(dim=0)).norm(dim=1).max() + (asked - bank.mean(dim=0)).norm(dim=1).max()
    )
    assert (found.numpy() <= exact + 0.02 * longest / pulls[left].min().item()).all()


def test_with_equal_pulls_it_is_the_nearest_neighbour() -> None:
    bank, asked = drawn(500, 24, 0), drawn(300, 24, 1)
    distances, indices = WeightedNeighbours(bank, torch.ones(500)).search(asked)
    expected, nearest = NearestNeighbours(bank).search(asked)
    assert (indices == nearest[:, 0]).double().mean() > 0.99
    torch.testing.assert_close(distances, expected[:, 0], rtol=5e-3, atol=0)


def test_a_point_of_little_pull_yields_to_a_farther_one() -> None:
    bank = torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    distances, indices = WeightedNeighbours(bank, torch.tensor([0.2, 1.0])).search(torch.tensor([[1.0, 0.0]]))
    assert indices.tolist() == [1]
    assert distances.tolist() == [2.0]
