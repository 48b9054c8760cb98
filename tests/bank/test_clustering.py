"""k-means representatives: real points, near the centres that scikit-learn finds, the same for the same seed."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from patchsieve.bank import CoresetChoice
from patchsieve.bank.clustering import cluster_coreset, working_bytes
from patchsieve.bank.coreset import greedy_coreset
from patchsieve.features import PatchFeatures

in_either_way = pytest.mark.parametrize("in_batches", [False, True], ids=["kmeans", "minibatch_kmeans"])


def clouds(each: int = 60, seed: int = 0) -> torch.Tensor:
    """Five clouds of points, far apart, `[5 each, 6]`."""
    rng = np.random.default_rng(seed)
    middles = 20 * np.eye(5, 6)
    return torch.from_numpy((middles[:, None] + rng.normal(size=(5, each, 6))).reshape(-1, 6)).float()


def select(choice: CoresetChoice, values: torch.Tensor) -> torch.Tensor:
    """Choose among points `[N, C]`, each an image of one patch."""
    return choice.select(PatchFeatures(values[:, None, None]), torch.arange(len(values)))


def test_they_are_the_points_nearest_to_the_centres_of_scikit_learn() -> None:
    values = clouds()
    centres = (
        KMeans(12, init="random", n_init=1, max_iter=25, random_state=3).fit(values.numpy()).cluster_centers_
    )
    apart = np.linalg.norm(values.numpy()[:, None] - centres, axis=2)
    np.testing.assert_array_equal(
        cluster_coreset(values, 12, seed=3), sorted(set(apart.argmin(axis=0).tolist()))
    )


@in_either_way
def test_the_same_seed_gives_the_same_points(in_batches: bool) -> None:
    values = clouds()
    first, again, other = (
        cluster_coreset(values, 40, seed=seed, in_batches=in_batches).tolist() for seed in (1, 1, 2)
    )
    assert first == again != other
    assert first == sorted(set(first))
    assert 30 <= len(first) <= 40


@in_either_way
def test_copies_are_chosen_once(in_batches: bool) -> None:
    values = torch.tensor([[0.0, 0.0], [9.0, 9.0]]).repeat_interleave(30, dim=0)
    picks = cluster_coreset(values, 20, seed=0, in_batches=in_batches)
    assert 1 <= len(picks) <= 2
    assert len(torch.unique(values[picks], dim=0)) == len(picks)


@in_either_way
def test_they_follow_the_crowd_where_greedy_keeps_what_is_rare(in_batches: bool) -> None:
    """One point far away: it is in the greedy choice, and k-means is seldom near it."""
    values = clouds()
    values[77] += 200
    greedy = greedy_coreset(values, 10, start=0)
    clusters = cluster_coreset(values, 10, seed=0, in_batches=in_batches)
    assert 77 in greedy.tolist()
    near = [float(torch.cdist(values, values[picks]).amin(dim=1).mean()) for picks in (clusters, greedy)]
    assert near[0] < near[1] + 2


@pytest.mark.parametrize("method", ["kmeans", "minibatch_kmeans"])
def test_they_are_choices_for_a_bank(method: str) -> None:
    values = clouds()
    picks = select(CoresetChoice(method, ratio=0.1), values)
    expected = cluster_coreset(values, 30, seed=0, in_batches=method == "minibatch_kmeans")
    np.testing.assert_array_equal(picks, expected)
    assert len(select(CoresetChoice(method, ratio=1.0, size=7), values)) <= 7


def test_only_candidates_are_chosen() -> None:
    candidates = torch.arange(1, 300, 3)
    picks = CoresetChoice("kmeans", ratio=0.2).select(PatchFeatures(clouds()[:, None, None]), candidates)
    assert set(picks.tolist()) <= set(candidates.tolist())


def test_where_memory_is_short_some_candidates_are_clustered() -> None:
    values = clouds()
    choice = CoresetChoice("kmeans", ratio=0.5, memory=100 * working_bytes(6))
    picks = select(choice, values)
    assert 50 <= len(picks) <= 100
    assert torch.equal(picks, select(choice, values))
    assert int((picks.diff() <= 0).sum()) == 0
    assert choice.working_bytes(300, 6, values.device) == choice.memory
    assert choice.shards(300, 6, values.device) == 1
    assert CoresetChoice("kmeans").working_bytes(300, 6, values.device) == 300 * working_bytes(6)
