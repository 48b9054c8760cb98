"""The screen may let pairs through that are too far apart, but must never rule out one that is not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.bank.screening import Bounds, Screen


def cloud(count: int, dims: int, seed: int, falling: float = 1.0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(
        (rng.normal(size=(count, dims)) * np.geomspace(1, falling, dims)).astype(np.float32)
    )


def bounds(points: torch.Tensor, queries: torch.Tensor, dtype: torch.dtype) -> Bounds:
    screen = Screen(points, dtype)
    return Bounds(screen.targets(screen.encode(points)), screen.encode(queries))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(1, 200),
    count=st.integers(1, 40),
    dims=st.integers(1, 120),
    falling=st.sampled_from([1.0, 0.1, 1e-3]),
    scale=st.sampled_from([1e-3, 1.0, 100.0]),
    offset=st.sampled_from([0.0, 50.0]),
    factor=st.floats(0.8, 1.5),
    seed=st.integers(0, 10**6),
)
def test_no_pair_within_the_distance_is_ruled_out(
    dtype: torch.dtype,
    size: int,
    count: int,
    dims: int,
    falling: float,
    scale: float,
    offset: float,
    factor: float,
    seed: int,
) -> None:
    points = cloud(size, dims, seed, falling) * scale + offset
    queries = cloud(count, dims, seed + 1, falling) * scale + offset
    exact = torch.cdist(points.double(), queries.double(), compute_mode="donot_use_mm_for_euclid_dist")
    limits = (factor * exact.amin(dim=0)).float()
    found = bounds(points, queries, dtype).within(limits, most=2 * size * count + 16)
    assert found is not None
    pairs = set(zip(*(part.tolist() for part in found), strict=True))
    # A hair inside: the limits themselves were rounded to float32.
    wanted = (exact < limits.double() * (1 - 1e-6)).nonzero().tolist()
    assert {tuple(pair) for pair in wanted} <= pairs


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_few_pairs_are_left_of_features_with_a_falling_spectrum(dtype: torch.dtype) -> None:
    points, queries = cloud(4000, 200, 1, 0.01), cloud(100, 200, 2, 0.01)
    nearest = torch.cdist(points, queries).amin(dim=0)
    found = bounds(points, queries, dtype).within(nearest, most=10**6)
    assert found is not None
    assert len(found[0]) < 0.01 * len(points) * len(queries)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_likely_target_of_a_copy_is_the_copy(dtype: torch.dtype) -> None:
    points = cloud(500, 40, 3)
    assert bounds(points, points[::7], dtype).likely().tolist() == list(range(0, 500, 7))


def test_more_pairs_than_wanted_are_not_listed() -> None:
    points = cloud(100, 8, 4)
    assert bounds(points, points, torch.float32).within(torch.full((100,), torch.inf), most=1000) is None


def test_vectors_on_the_leading_axes_alone_are_bounded_too() -> None:
    """What is left of them on the other axes is the difference of two numbers that are almost the same."""
    flat = torch.nn.functional.pad(cloud(300, 8, 5), (0, 56))
    turned = flat @ torch.linalg.qr(cloud(64, 64, 6)).Q
    exact = torch.cdist(turned.double(), turned.double(), compute_mode="donot_use_mm_for_euclid_dist")
    exact.fill_diagonal_(torch.inf)
    nearest = exact.amin(dim=0)
    found = bounds(turned, turned, torch.float32).within(nearest.float(), most=10**6)
    assert found is not None
    pairs = set(zip(*(part.tolist() for part in found), strict=True))
    assert set(enumerate(exact.argmin(dim=1).tolist())) <= {(query, target) for target, query in pairs}
