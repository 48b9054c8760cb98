"""PatchCore: SoftPatch without its sieve, and the paper's re-weighting against its plain formula."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from patchsieve.detectors import PatchCore, SoftPatch
from patchsieve.errors import ConfigError
from patchsieve.features import Embeddings

Synthetic = Callable[..., Embeddings]


@pytest.mark.parametrize("coreset", ["greedy", "random"])
def test_it_is_softpatch_with_nothing_sieved_and_no_weights(coreset: str, synthetic: Synthetic) -> None:
    train, test = synthetic(20), synthetic(6, seed=1)
    patchcore = PatchCore(coreset=coreset, seed=3)
    softpatch = SoftPatch(coreset=coreset, seed=3, tau=0.0, soft_weights=False)
    patchcore.learn(train.features)
    softpatch.learn(train.features)
    assert torch.equal(patchcore.bank_.origins, softpatch.bank_.origins)
    assert torch.equal(patchcore.bank_.features, softpatch.bank_.features)
    for ours, theirs in zip(
        patchcore.score(test.features.tensor()), softpatch.score(test.features.tensor()), strict=True
    ):
        assert torch.equal(ours, theirs)


def plain_weights(features: torch.Tensor, bank: torch.Tensor, neighbours: int) -> list[float]:
    """Equation 7 for every image, in float64."""
    weights = []
    exact = bank.double().numpy()
    for patches in features.flatten(1, 2).double().numpy():
        distances = np.linalg.norm(patches[:, None] - exact, axis=2)
        test_patch = int(distances.min(axis=1).argmax())
        nearest = int(distances[test_patch].argmin())
        around = np.argsort(np.linalg.norm(exact - exact[nearest], axis=1))[:neighbours]
        seen = distances[test_patch][around]
        weights.append(1 - np.exp(distances[test_patch, nearest]) / np.exp(seen).sum())
    return weights


@pytest.mark.parametrize("neighbours", [2, 3, 9])
def test_the_reweighting_is_that_of_the_paper(neighbours: int, synthetic: Synthetic) -> None:
    train, test = synthetic(20), synthetic(8, seed=1)
    plain, weighted = PatchCore(), PatchCore(reweight_neighbours=neighbours)
    plain.learn(train.features)
    weighted.learn(train.features)
    (unweighted, patches), (scores, same) = (
        plain.score(test.features.tensor()),
        weighted.score(test.features.tensor()),
    )
    assert torch.equal(patches, same)
    expected = unweighted.double().numpy() * plain_weights(
        test.features.tensor(), weighted.bank_.features, neighbours
    )
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_the_reweighting_does_not_overflow_at_large_distances(synthetic: Synthetic) -> None:
    """exp(1000) is infinite in every float; the share of the nearest is not."""
    train, test = synthetic(20), synthetic(8, seed=1)
    test.features.tensor()[2] += 1e3 / np.sqrt(12)
    test.features.tensor()[3] *= 1e4
    model = PatchCore(reweight_neighbours=5)
    model.learn(train.features)
    plain = PatchCore()
    plain.learn(train.features)
    scores, unweighted = model.score(test.features.tensor())[0], plain.score(test.features.tensor())[0]
    assert unweighted[2] > 900
    assert torch.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= unweighted)).all()


def test_more_neighbours_than_the_bank_has_are_all_of_it(synthetic: Synthetic) -> None:
    train, test = synthetic(4), synthetic(3, seed=1)
    few, many = (PatchCore(reweight_neighbours=b, coreset_ratio=0.05) for b in (4, 400))
    few.learn(train.features)
    many.learn(train.features)
    assert len(few.bank_) == 4
    torch.testing.assert_close(few.score(test.features.tensor())[0], many.score(test.features.tensor())[0])


@pytest.mark.parametrize("neighbours", [-1, 1])
def test_neighbours_that_cannot_work_are_said(neighbours: int, synthetic: Synthetic) -> None:
    with pytest.raises(ConfigError, match=f"reweight_neighbours is {neighbours}"):
        PatchCore(reweight_neighbours=neighbours).fit(synthetic(5))


@pytest.mark.parametrize("index", ["faiss-flat", "faiss-ivf", "faiss-hnsw", "faiss-pq"])
def test_other_indexes_score_nearly_or_just_the_same(index: str, synthetic: Synthetic) -> None:
    train, test = synthetic(60), synthetic(8, seed=1).features.tensor()
    exact, other = (
        PatchCore(coreset_ratio=1.0, reweight_neighbours=3),
        PatchCore(coreset_ratio=1.0, reweight_neighbours=3, index=index),
    )
    for model in (exact, other):
        model.learn(train.features)
    (wanted, nearest), (found, near) = exact.score(test), other.score(test)
    assert (near >= nearest * (1 - 1e-6)).all()
    assert (near <= nearest * (1 + 1e-6)).float().mean() >= (1.0 if index == "faiss-flat" else 0.9)
    torch.testing.assert_close(found, wanted, rtol=1e-5 if index == "faiss-flat" else 0.2, atol=0)


def test_an_index_that_cannot_work_is_said_before_the_work(synthetic: Synthetic) -> None:
    with pytest.raises(ConfigError, match="no index 'annoy'"):
        PatchCore(index="annoy").fit(synthetic(5))


@pytest.mark.parametrize("ratio", [0.0, -0.1, 1.5])
def test_a_share_for_the_bank_that_cannot_work_is_said(ratio: float, synthetic: Synthetic) -> None:
    with pytest.raises(ConfigError, match=f"coreset_ratio is {ratio}"):
        PatchCore(coreset_ratio=ratio).fit(synthetic(5))


def test_a_bank_of_all_patches_is_at_distance_zero_from_them(synthetic: Synthetic) -> None:
    train = synthetic(6)
    model = PatchCore(coreset_ratio=1.0)
    model.learn(train.features)
    assert (model.score(train.features.tensor())[1] == 0).all()
