"""A bank that takes more images in: what enters, what goes, what may not come back."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from patchsieve.bank import CoresetChoice, MemoryBank, renewed
from patchsieve.features import PatchFeatures

Array = npt.NDArray[np.float64]


def features(images: int, seed: int = 0, offset: float = 0.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(images, 3, 5, 8, generator=draw) + offset


def built(method: str = "greedy", weights: bool = True) -> MemoryBank:
    patches = features(10)
    soft = torch.linspace(0.5, 2.0, 150).view(10, 3, 5) if weights else None
    bank = MemoryBank.build(PatchFeatures(patches), CoresetChoice(method, ratio=0.3), weights=soft)
    return replace(bank, radii=None if bank.weights is None else bank.weights.square())


def k_center(points: Array, count: int) -> list[int]:
    picks = [0]
    distances = np.linalg.norm(points - points[0], axis=1)
    while len(picks) < count:
        picks.append(int(distances.argmax()))
        distances = np.minimum(distances, np.linalg.norm(points - points[picks[-1]], axis=1))
    return picks


def spacing(points: Array) -> float:
    between = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(between, np.inf)
    nearest = np.sort(between.min(axis=1))
    return float(nearest[(len(nearest) - 1) // 2])


def test_it_is_greedy_k_center_of_the_bank_and_what_is_far_from_it() -> None:
    bank, new = built(), features(4, seed=1, offset=0.7)
    old = bank.features.double().numpy()
    patches = new.double().numpy().reshape(-1, 8)
    assert bank.spacing == pytest.approx(spacing(old), rel=1e-5)
    away = np.linalg.norm(patches[:, None] - old, axis=2).min(axis=1)
    far = np.flatnonzero(away > spacing(old))
    assert 0 < len(far) < len(patches)
    picks = k_center(np.concatenate([old, patches[far]]), len(old))
    again = renewed(bank, PatchFeatures(new), seen=10)
    places = [(10 + index // 15, index % 15 // 5, index % 5) for index in far]
    origins = [*map(tuple, bank.origins.tolist()), *places]
    assert [tuple(origin) for origin in again.origins.tolist()] == [origins[pick] for pick in picks]
    assert len(again) == len(bank)


@pytest.mark.parametrize("method", ["greedy", "random"])
def test_origins_lead_to_the_patches_and_new_ones_weigh_as_the_median(method: str) -> None:
    bank, new = built(method), features(6, seed=1, offset=3.0)
    again = renewed(bank, PatchFeatures(new), seen=10, method=method)
    both = torch.cat([features(10), new])
    image, row, column = again.origins.long().T
    assert again.origins.dtype == torch.int32
    assert torch.equal(again.features, both[image, row, column])
    assert again.weights is not None
    assert bank.weights is not None
    assert (image >= 10).any()
    assert torch.equal(again.weights[image >= 10], bank.weights.median().expand(int((image >= 10).sum())))
    assert again.radii is not None
    assert torch.equal(again.radii, again.weights.square())
    stayed = {tuple(o): w for o, w in zip(bank.origins.tolist(), bank.weights.tolist(), strict=True)}
    for origin, weight in zip(again.origins.tolist(), again.weights.tolist(), strict=True):
        assert origin[0] >= 10 or stayed[tuple(origin)] == weight


def test_a_random_bank_holds_old_and_new_in_proportion_and_the_seed_decides() -> None:
    bank, new = built("random"), features(20, seed=1)
    again = renewed(bank, PatchFeatures(new), seen=10, method="random", seed=3)
    assert len(again) == len(bank) == 45
    assert int((again.origins[:, 0] >= 10).sum()) == 30
    same = renewed(bank, PatchFeatures(new), seen=10, method="random", seed=3)
    assert torch.equal(same.origins, again.origins)
    other = renewed(bank, PatchFeatures(new), seen=10, method="random", seed=4)
    assert not torch.equal(other.origins, again.origins)


def test_what_is_covered_changes_nothing() -> None:
    bank = built(weights=False)
    again = renewed(bank, PatchFeatures(bank.features[:30].view(2, 3, 5, 8) + 1e-3), seen=10)
    assert torch.equal(again.features, bank.features)
    assert again.weights is None


def test_what_matches_a_defect_goes_and_stays_out() -> None:
    patches = features(10)
    patches[3, 1, 2] = 9.0
    bank = MemoryBank.build(PatchFeatures(patches), CoresetChoice(ratio=0.3))
    place = [3, 1, 2]
    assert place in bank.origins.tolist()
    cleaned = bank.without(torch.full((1, 8), 9.1))
    assert sorted(cleaned.origins.tolist()) == sorted(o for o in bank.origins.tolist() if o != place)
    assert cleaned.rejected is not None
    twice = cleaned.without(torch.full((2, 8), -9.0))
    assert twice.rejected is not None
    assert len(twice.rejected) == 3
    for method in ("greedy", "random"):
        again = renewed(
            twice, PatchFeatures(features(4, offset=9.0).mul_(0.01).add_(8.9)), seen=10, method=method
        )
        assert again.origins[:, 0].max() < 10
        assert again.rejected is not None
        assert torch.equal(again.rejected, twice.rejected)


def test_a_bank_of_one_patch_can_be_renewed() -> None:
    bank = MemoryBank.build(PatchFeatures(features(2)), CoresetChoice(size=1))
    assert bank.spacing == 0
    assert len(renewed(bank, PatchFeatures(features(2, seed=1)), seen=2)) == 1
