"""The indexes of FAISS beside a plain search: what they find, how far it truly is, and the same for the same seed."""

import sys

import numpy as np
import pytest
import torch

from patchsieve.bank import INDEXES, CoresetChoice, IndexChoice, MemoryBank, NearestNeighbours
from patchsieve.bank.faiss_index import FaissIndex
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures

every_index = pytest.mark.parametrize("kind", INDEXES)
# The least share of nearest neighbours that each shall find on clustered points of few dimensions.
RECALL = {"exact": 1.0, "faiss-flat": 1.0, "faiss-ivf": 0.95, "faiss-hnsw": 0.98, "faiss-pq": 0.9}


def points(count: int, channels: int = 12, seed: int = 0) -> torch.Tensor:
    """Points in thirty clusters, some far from zero."""
    centres = 5 * torch.randn(30, channels, generator=torch.Generator().manual_seed(99)) + 40
    draw = torch.Generator().manual_seed(seed)
    return centres[torch.randint(30, (count,), generator=draw)] + torch.randn(count, channels, generator=draw)


def plain(queries: torch.Tensor, known: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    between = torch.linalg.vector_norm(queries.double()[:, None] - known.double(), dim=2)
    nearest = between.topk(k, largest=False)
    return nearest.values, nearest.indices


@every_index
@pytest.mark.parametrize("k", [1, 5])
def test_most_of_the_nearest_are_found_and_their_distances_are_true(kind: str, k: int) -> None:
    known, queries = points(1500), points(200, seed=1)
    distances, indices = IndexChoice(kind).build(known).search(queries, k)
    assert distances.shape == indices.shape == (200, k)
    assert (distances.diff(dim=1) >= 0).all()
    true = torch.linalg.vector_norm(queries[:, None] - known[indices], dim=2)
    torch.testing.assert_close(distances, true, rtol=1e-6, atol=0)
    found = (indices[:, :, None] == plain(queries, known, k)[1][:, None]).any(dim=1).float().mean()
    assert found >= RECALL[kind]


@every_index
def test_a_point_of_the_bank_is_at_distance_zero(kind: str) -> None:
    known = points(600)
    distances, _ = IndexChoice(kind).build(known).search(known[:50])
    assert (distances == 0).float().mean() > 0.9


@every_index
@pytest.mark.parametrize("k", [1, 4])
def test_points_that_it_is_without_are_not_found(kind: str, k: int) -> None:
    known, queries = points(700), points(80, seed=1)
    # The nearest of every query, and nearly all.
    for hidden in (plain(queries, known, 1)[1].unique(), torch.randperm(700)[: 700 - k]):
        whole = IndexChoice(kind).build(known)
        before = whole.search(queries, k)
        distances, indices = whole.without(hidden).search(queries, k)
        left = torch.tensor(sorted(set(range(700)) - set(hidden.tolist())))
        assert torch.isin(indices, left).all()
        true = torch.linalg.vector_norm(queries[:, None] - known[indices], dim=2)
        torch.testing.assert_close(distances, true, rtol=1e-6, atol=0)
        found = (left[plain(queries, known[left], k)[1]][:, None] == indices[:, :, None]).any(dim=2)
        assert found.float().mean() >= RECALL[kind]
        # What it is made from stays whole.
        assert all(torch.equal(*pair) for pair in zip(before, whole.search(queries, k), strict=True))


@pytest.mark.parametrize("kind", INDEXES[1:])
def test_the_same_points_and_seed_give_the_same_index(kind: str) -> None:
    known, queries = points(900), points(300, seed=1)
    first, again = (FaissIndex(known, kind, seed=5).search(queries, 3) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


@every_index
@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_a_bank_may_be_small_and_all_of_it_be_asked_for(
    kind: str, count: int, capfd: pytest.CaptureFixture[str]
) -> None:
    known, queries = points(count), points(20, seed=1)
    distances, indices = IndexChoice(kind).build(known).search(queries, count)
    assert torch.equal(indices.sort(dim=1).values, torch.arange(count).expand(20, count))
    np.testing.assert_allclose(distances, plain(queries, known, count)[0], rtol=1e-5)
    assert capfd.readouterr().err == ""


def test_lists_that_hold_fewer_than_are_wanted_are_made_up_for() -> None:
    """With hundreds of lists of a few points, sixteen of them cannot hold a thousand neighbours."""
    known, queries = points(4000), points(5, seed=1)
    distances, indices = FaissIndex(known, "faiss-ivf").search(queries, 3000)
    assert all(len(set(row)) == 3000 for row in indices.tolist())
    np.testing.assert_allclose(distances, plain(queries, known, 3000)[0], rtol=1e-5)


def test_channels_that_few_numbers_divide_can_be_quantised() -> None:
    known = points(500, channels=17)
    assert IndexChoice("faiss-pq").build(known).search(known[:9])[0].shape == (9, 1)


def test_a_bank_is_searched_as_it_was_told_whatever_becomes_of_it() -> None:
    features = PatchFeatures(points(300).view(300, 1, 1, -1))
    bank = MemoryBank.build(features, CoresetChoice("random", 0.5), index_choice=IndexChoice("faiss-hnsw", 4))
    assert len(bank) == 150
    assert isinstance(bank.index, FaissIndex)
    assert isinstance(bank.take(torch.arange(20)).to(torch.device("cpu")).index, FaissIndex)
    assert bank.take(torch.arange(20)).index_choice == IndexChoice("faiss-hnsw", 4)
    assert isinstance(MemoryBank.build(features, CoresetChoice()).index, NearestNeighbours)


def test_an_index_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no index 'annoy'; choose one of exact, faiss-flat"):
        IndexChoice("annoy")


def test_without_faiss_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    IndexChoice().check()
    with pytest.raises(ConfigError, match=r"faiss-ivf needs FAISS: pip install 'patchsieve\[faiss\]'"):
        IndexChoice("faiss-ivf").build(points(10))
