"""Search by shares gives the answers of one index, here and with workers."""

import numpy as np
import pytest
import ray
import torch

from patchsieve.bank import NearestNeighbours
from patchsieve.features import PatchFeatures
from patchsieve.features.placement import Here
from patchsieve.scaleout import FeatureBlocks
from patchsieve.scaleout.search import Share, SpreadNeighbours


def data(count: int = 30) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).normal(size=(count, 8, 8, 12)).astype(np.float32))


@pytest.mark.parametrize("k", [1, 5, 40])
@pytest.mark.parametrize("size", [30, 171, 1000])
def test_the_nearest_of_all_shares_are_the_nearest_of_all(k: int, size: int) -> None:
    points = data().view(-1, 12)[:1000]
    # Copies in other shares, if there are any: of equals the lowest index comes first.
    points[700:720] = points[100:120]
    queries = torch.cat([points[95:125], torch.randn(50, 12, generator=torch.Generator().manual_seed(1))])
    shares = [
        Share(lambda start, stop, part=part: part[start:stop], first, len(part))
        for first, part in zip(range(0, 1000, size), torch.split(points, size), strict=True)
    ]
    found = SpreadNeighbours(Here(shares), 1000).search(queries, k)
    distances, indices = NearestNeighbours(points).search(queries, k)
    torch.testing.assert_close(found[0], distances, rtol=0, atol=0)
    unique = torch.isin(indices, torch.arange(100, 120)) | torch.isin(indices, torch.arange(700, 720))
    assert torch.equal(found[1][~unique], indices[~unique])
    if size < 1000:
        assert torch.equal(found[1][5:25, 0], torch.arange(100, 120))


@pytest.mark.slow
@pytest.mark.usefixtures("workers")
def test_workers_search_a_bank_that_nobody_holds_whole() -> None:
    values = data()
    parts = [part.numpy() for part in torch.split(values, 8)]
    blocks = FeatureBlocks([ray.put(part) for part in parts], list(map(len, parts)), (8, 8, 12))
    chosen = torch.from_numpy(np.random.default_rng(2).permutation(30 * 64)[:500])
    queries = values.view(-1, 12)[::7]
    spread = SpreadNeighbours.among(PatchFeatures(blocks), chosen)
    found = spread.search(queries, 3)
    spread.close()
    expected = NearestNeighbours(values.view(-1, 12)[chosen]).search(queries, 3)
    assert len(spread) == 500
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
