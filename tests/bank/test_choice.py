"""How many and which patches are chosen: the projection, the cap, and shards where memory is short."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.random_projection import GaussianRandomProjection

from patchsieve.bank import CoresetChoice, greedy_coreset
from patchsieve.bank.coreset import working_bytes
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures


def points(count: int, channels: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))


def select(choice: CoresetChoice, values: torch.Tensor) -> torch.Tensor:
    """Choose among points `[N, C]`, each an image of one patch."""
    return choice.select(PatchFeatures(values[:, None, None]), torch.arange(len(values)))


def radius(values: torch.Tensor, picks: torch.Tensor) -> float:
    return float(torch.cdist(values, values[picks]).amin(dim=1).max())


def test_narrow_features_are_not_projected() -> None:
    values = points(400, 16)
    picks = select(CoresetChoice(projection_dims=16), values)
    np.testing.assert_array_equal(picks, greedy_coreset(values, 40, start=int(picks[0])))


def test_wide_features_are_measured_on_a_seeded_gaussian_projection() -> None:
    values = points(400, 64)
    picks = select(CoresetChoice(projection_dims=16, seed=5), values)
    projection = GaussianRandomProjection(16, random_state=5).fit(np.zeros((1, 64), dtype=np.float32))
    projected = torch.from_numpy(projection.transform(values.numpy())).float()
    expected = greedy_coreset(projected, 40, start=int(picks[0]))
    assert (picks.numpy() == expected).mean() > 0.95
    assert (picks.numpy() != greedy_coreset(values, 40, start=int(picks[0]))).any()


def test_the_first_pick_is_random_among_all_that_may_enter() -> None:
    values = points(10, 4)
    firsts = {int(select(CoresetChoice(ratio=0.1, seed=seed), values)[0]) for seed in range(200)}
    assert firsts == set(range(10))


def test_only_candidates_are_chosen_and_the_features_stay_as_they_were() -> None:
    values = points(300, 8)
    before = values.clone()
    candidates = torch.arange(1, 300, 3)
    picks = CoresetChoice(ratio=0.2).select(PatchFeatures(values[:, None, None]), candidates)
    assert len(picks) == 20
    assert set(picks.tolist()) <= set(candidates.tolist())
    assert torch.equal(values, before)


@pytest.mark.parametrize("method", ["greedy", "random"])
@pytest.mark.parametrize(("size", "expected"), [(None, 30), (7, 7), (1000, 30)])
def test_the_smaller_of_ratio_and_cap_decides(method: str, size: int | None, expected: int) -> None:
    assert len(select(CoresetChoice(method, 0.1, size), points(300, 8))) == expected


@pytest.mark.parametrize("size", [0, -3])
def test_a_cap_below_one_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match="bank_size"):
        CoresetChoice(size=size)


def test_memory_enough_for_all_candidates_changes_nothing() -> None:
    values = points(500, 8)
    enough = 500 * working_bytes(8, values.device)
    assert torch.equal(select(CoresetChoice(memory=enough), values), select(CoresetChoice(), values))


@pytest.mark.parametrize("shards", [2, 3, 7])
def test_shards_cover_the_candidates_nearly_as_well(shards: int) -> None:
    """No candidate is farther than the radii of its shard and of the last selection together."""
    values = torch.cat([points(900, 6, seed) + 10 * seed for seed in range(3)])
    memory = -(-len(values) // shards) * working_bytes(6, values.device)
    choice = CoresetChoice(ratio=0.02, memory=memory)
    assert choice.shards(len(values), 6, values.device) == shards
    picks = select(choice, values)
    assert len(set(picks.tolist())) == 54
    assert radius(values, picks) <= 2 * radius(values, select(CoresetChoice(ratio=0.02), values))


def test_a_composable_choice_is_the_greedy_one_in_as_many_shards_as_pay() -> None:
    values = points(2700, 6)
    composable = CoresetChoice("composable", ratio=0.02)
    assert composable.shards(len(values), 6, values.device) == 7
    assert torch.equal(select(composable, values), select(CoresetChoice(ratio=0.02, memory=1), values))
    assert composable.working_bytes(2700, 6, values.device) == 386 * working_bytes(6, values.device)
    # One shard is all there is.
    half = points(300, 6)
    assert torch.equal(
        select(CoresetChoice("composable", ratio=0.5), half), select(CoresetChoice(ratio=0.5), half)
    )


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=16, max_size=16),
    st.integers(0, 9),
)
@settings(max_examples=50, deadline=None)
def test_a_composable_choice_stays_within_four_times_the_best_radius(
    places: list[tuple[int, int]], seed: int
) -> None:
    values = torch.tensor(places, dtype=torch.float32)
    choice = CoresetChoice("composable", ratio=1, size=2, seed=seed)
    assert choice.shards(16, 2, values.device) == 2
    best = min(radius(values, torch.tensor(centres)) for centres in combinations(range(16), 2))
    assert radius(values, select(choice, values)) <= 4 * best + 1e-4


def test_a_rare_patch_survives_the_shards() -> None:
    values = points(1000, 6)
    values[777] += 40
    assert 777 in select(CoresetChoice("composable", ratio=0.01), values).tolist()


def test_there_are_never_so_many_shards_that_their_choices_outgrow_them() -> None:
    shards = CoresetChoice(ratio=0.1, memory=1).shards(10_000, 6, torch.device("cpu"))
    assert shards == 3
    assert shards * 1000 <= 10_000 / shards


def test_random_choice_needs_no_memory_for_points() -> None:
    assert CoresetChoice("random", memory=1).shards(10**9, 128, torch.device("cpu")) == 1
