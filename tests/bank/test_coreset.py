"""Greedy selection against the plain loop; in float64, with distances taken from differences."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.bank import greedy_coreset, random_coreset
from patchsieve.bank.coreset import Shard, greedy_rounds
from patchsieve.features.placement import Here

Points = npt.NDArray[np.float32]
# What float32 may cost a squared distance, in units of the squared lengths that it is made of.
ROUNDING = 1e-5


def plain_loop(points: Points, count: int, start: int) -> list[int]:
    exact = points.astype(np.float64)
    picks = [start]
    distances = ((exact - exact[start]) ** 2).sum(axis=1)
    while len(picks) < count:
        picks.append(int(distances.argmax()))
        distances = np.minimum(distances, ((exact - exact[picks[-1]]) ** 2).sum(axis=1))
    return picks


def assert_greedy(points: Points, picks: npt.NDArray[np.int64], start: int) -> None:
    """Every pick is the farthest point from the picks before it, up to what rounding can confuse."""
    assert picks[0] == start
    assert len(set(picks.tolist())) == len(picks)
    exact = points.astype(np.float64) - points.astype(np.float64).mean(axis=0)
    lengths = (exact**2).sum(axis=1)
    distances = ((exact - exact[start]) ** 2).sum(axis=1)
    for pick in picks[1:]:
        best = int(distances.argmax())
        slack = ROUNDING * (lengths[pick] + lengths[best] + distances[best])
        assert distances[pick] >= distances[best] - slack
        distances = np.minimum(distances, ((exact - exact[pick]) ** 2).sum(axis=1))


def assert_same_picks(points: Points, count: int, start: int) -> None:
    """The picks are those of the plain loop, in order, up to the first tie that rounding decides."""
    picks = greedy_coreset(torch.from_numpy(points), count, start=start)
    assert picks.dtype == np.int64
    assert_greedy(points, picks, start)
    exact = points.astype(np.float64) - points.astype(np.float64).mean(axis=0)
    if len(picks) < count:
        # It stops early only where all that is left is a copy of a pick, as far as rounding can tell.
        left = ((exact[:, None] - exact[picks]) ** 2).sum(axis=2).min(axis=1)
        assert left.max() <= ROUNDING * (exact**2).sum(axis=1).max()
    expected = np.array(plain_loop(points, count, start))[: len(picks)]
    different = np.flatnonzero(picks != expected)
    if len(different):
        before = exact[expected[: different[0]]]
        ours, theirs = (exact[order[different[0]]] for order in (picks, expected))
        gap = abs(((ours - before) ** 2).sum(axis=1).min() - ((theirs - before) ** 2).sum(axis=1).min())
        assert gap <= ROUNDING * ((ours**2).sum() + (theirs**2).sum())


def cloud(count: int, dims: int, seed: int = 0) -> Points:
    return np.random.default_rng(seed).normal(size=(count, dims)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 300),
    dims=st.integers(1, 40),
    share=st.floats(0, 1),
    first=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 10**6),
)
def test_the_picks_are_those_of_the_plain_loop(
    count: int, dims: int, share: float, first: float, seed: int
) -> None:
    assert_same_picks(cloud(count, dims, seed), max(1, int(share * count)), int(first * count))


@pytest.mark.parametrize("start", [0, 1234, 4999])
def test_the_picks_are_those_of_the_plain_loop_over_many_rounds(start: int) -> None:
    assert_same_picks(cloud(5000, 32), 700, start)


def clustered() -> Points:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(12, 16)) * 30
    return (centres[rng.integers(12, size=2000)] + rng.normal(size=(2000, 16))).astype(np.float32)


def stretched() -> Points:
    """A few strong directions and many weak ones, as the features of a network have."""
    return (cloud(2000, 64, 4) * np.geomspace(30, 0.01, 64)).astype(np.float32)


def lengths_of_many_scales() -> Points:
    rng = np.random.default_rng(5)
    return (cloud(2000, 16, 5) * rng.lognormal(sigma=2, size=(2000, 1))).astype(np.float32)


def with_a_far_stray() -> Points:
    points = cloud(2000, 16, 6)
    points[77] += 50
    return points


@pytest.mark.parametrize("make", [clustered, stretched, lengths_of_many_scales, with_a_far_stray])
def test_the_shape_of_the_cloud_does_not_matter(make: object) -> None:
    assert callable(make)
    assert_same_picks(make(), 300, 11)


def test_points_far_from_the_origin_are_picked_like_those_around_it() -> None:
    """|a|^2 + |b|^2 - 2ab would be noise at an offset of 1000."""
    # Multiples of 1/256 stay exact when 1000 is added.
    points = np.round(cloud(1000, 24) * 256) / np.float32(256)
    shifted = (points + 1000).astype(np.float32)
    assert_same_picks(shifted, 200, 5)
    np.testing.assert_array_equal(plain_loop(shifted, 200, 5), plain_loop(points, 200, 5))


def test_all_points_can_be_picked() -> None:
    picks = greedy_coreset(torch.from_numpy(cloud(150, 8)), 150, start=3)
    assert sorted(picks.tolist()) == list(range(150))


def test_every_value_is_picked_before_a_copy_of_any() -> None:
    values = cloud(20, 6)
    copies = np.tile(values, (5, 1))
    picks = greedy_coreset(torch.from_numpy(copies), 60, start=7)
    assert 20 <= len(picks) <= 60
    assert sorted((picks[:20] % 20).tolist()) == list(range(20))


def test_identical_points_give_one_pick() -> None:
    picks = greedy_coreset(torch.full((50, 4), 3.7), 10, start=4)
    assert picks.tolist() == [4]


def test_points_on_a_line_are_picked_from_its_ends_inwards() -> None:
    line = torch.arange(9, dtype=torch.float32)[:, None]
    picks = greedy_coreset(line, 5, start=0)
    assert picks[:3].tolist() == [0, 8, 4]
    assert sorted(picks.tolist()) == [0, 2, 4, 6, 8]


def test_the_same_points_give_the_same_picks_bit_for_bit() -> None:
    points = torch.from_numpy(cloud(3000, 24))
    first = greedy_coreset(points, 400, start=9)
    np.testing.assert_array_equal(first, greedy_coreset(points.clone(), 400, start=9))


def test_the_points_given_are_not_changed() -> None:
    points = torch.from_numpy(cloud(100, 4))
    before = points.clone()
    greedy_coreset(points, 20, start=0)
    assert torch.equal(points, before)


@pytest.mark.parametrize(("count", "start"), [(0, 0), (11, 0), (3, -1), (3, 10)])
def test_a_count_or_start_out_of_range_is_refused(count: int, start: int) -> None:
    with pytest.raises(ValueError, match=r"cannot pick|the first pick"):
        greedy_coreset(torch.from_numpy(cloud(10, 3)), count, start=start)


def test_the_greedy_choice_covers_better_than_a_random_one() -> None:
    points = clustered()

    def radius(picks: npt.NDArray[np.int64]) -> float:
        return float(torch.cdist(torch.from_numpy(points), torch.from_numpy(points[picks])).amin(dim=1).max())

    greedy = greedy_coreset(torch.from_numpy(points), 60, start=0)
    assert radius(greedy) < radius(random_coreset(len(points), 60, seed=0))


def test_the_random_choice_is_seeded_distinct_and_in_order() -> None:
    picks = random_coreset(1000, 100, seed=5)
    assert picks.dtype == np.int64
    assert (np.diff(picks) > 0).all()
    assert 0 <= picks.min() <= picks.max() < 1000
    np.testing.assert_array_equal(picks, random_coreset(1000, 100, seed=5))
    assert (picks != random_coreset(1000, 100, seed=6)).any()


def test_the_random_choice_is_even() -> None:
    chosen = np.bincount(
        np.concatenate([random_coreset(50, 10, seed=seed) for seed in range(2000)]), minlength=50
    )
    # 400 expected each, with a standard deviation of 18.
    assert abs(chosen - 400).max() < 5 * 18


@pytest.mark.parametrize("edges", [(0, 4096, 10_000), (0, 8192, 10_000), (0, 4096, 8192, 10_000)])
def test_points_in_several_places_give_the_same_picks(edges: tuple[int, ...]) -> None:
    points = torch.from_numpy(cloud(10_000, 40))
    expected = greedy_coreset(points, 500, start=6000)
    shards = [Shard(points[first:last].clone(), first) for first, last in pairwise(edges)]
    np.testing.assert_array_equal(greedy_rounds(Here(shards), 10_000, 500, start=6000), expected)
