"""The bank knows where its patches come from, and how they are chosen."""

from dataclasses import replace

import pytest
import torch

from patchsieve.bank import CORESETS, CoresetChoice, MemoryBank
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures


def features(images: int = 6, height: int = 3, width: int = 5, channels: int = 8) -> torch.Tensor:
    return torch.randn(images, height, width, channels, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("method", CORESETS)
def test_origins_weights_and_features_belong_to_the_same_patch(method: str) -> None:
    patches = features()
    weights = torch.rand(patches.shape[:3])
    bank = MemoryBank.build(PatchFeatures(patches), CoresetChoice(method, ratio=0.4), weights=weights)
    # Two clusters may share their nearest patch.
    assert len(bank) == 36 or (method.endswith("kmeans") and 30 < len(bank) < 36)
    assert bank.origins.dtype == torch.int32
    assert bank.weights is not None
    assert len({tuple(origin) for origin in bank.origins.tolist()}) == len(bank)
    for feature, weight, (image, row, column) in zip(
        bank.features, bank.weights, bank.origins.tolist(), strict=True
    ):
        assert torch.equal(feature, patches[image, row, column])
        assert weight == weights[image, row, column]


@pytest.mark.parametrize("method", CORESETS)
def test_only_patches_that_stay_enter_the_bank(method: str) -> None:
    patches = features(20, 4, 4)
    keep = torch.rand(patches.shape[:3], generator=torch.Generator().manual_seed(1)) > 0.3
    for seed in range(5):
        bank = MemoryBank.build(
            PatchFeatures(patches), CoresetChoice(method, ratio=0.5, seed=seed), keep=keep
        )
        count = int(0.5 * int(keep.sum()))
        assert len(bank) == count or (method.endswith("kmeans") and 0.8 * count < len(bank) < count)
        image, row, column = bank.origins.long().T
        assert keep[image, row, column].all()
        assert torch.equal(bank.features, patches[image, row, column])


def test_the_bank_of_all_patches_holds_each_once() -> None:
    patches = features()
    bank = MemoryBank.build(PatchFeatures(patches), CoresetChoice(ratio=1.0))
    assert bank.weights is None
    assert sorted(map(tuple, bank.origins.tolist())) == [
        (image, row, column) for image in range(6) for row in range(3) for column in range(5)
    ]


def test_the_bank_searches_its_own_features() -> None:
    bank = MemoryBank.build(PatchFeatures(features()), CoresetChoice(ratio=0.5))
    distances, indices = bank.index.search(bank.features)
    assert (distances == 0).all()
    assert indices[:, 0].tolist() == list(range(len(bank)))


def test_the_smallest_ratio_still_keeps_one_patch() -> None:
    assert len(MemoryBank.build(PatchFeatures(features()), CoresetChoice(ratio=1e-9))) == 1


@pytest.mark.parametrize("method", CORESETS)
def test_the_same_seed_gives_the_same_bank_and_another_seed_another(method: str) -> None:
    patches = features(30)
    first, again, other = (
        MemoryBank.build(PatchFeatures(patches), CoresetChoice(method, seed=seed)).origins
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_bank_moves_with_all_that_belongs_to_it() -> None:
    bank = MemoryBank.build(PatchFeatures(features()), CoresetChoice(), weights=torch.rand(6, 3, 5))
    bank = replace(bank, radii=torch.rand(len(bank)))
    moved = bank.to(torch.device("cpu"))
    assert torch.equal(moved.features, bank.features)
    assert torch.equal(moved.origins, bank.origins)
    assert moved.weights is not None
    assert bank.weights is not None
    assert torch.equal(moved.weights, bank.weights)
    assert moved.radii is not None
    assert bank.radii is not None
    assert torch.equal(moved.radii, bank.radii)
    some = bank.take(torch.tensor([2, 0]))
    assert some.radii is not None
    assert torch.equal(some.radii, bank.radii[[2, 0]])
    reach = torch.maximum(torch.cdist(some.features, some.features), some.radii)
    torch.testing.assert_close(some.reach.search(some.features)[0], reach.amin(dim=1))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "best"}, "'best'.*greedy, composable"),
        ({"ratio": 0.0}, "coreset_ratio is 0.0"),
        ({"ratio": 1.1}, "coreset_ratio is 1.1"),
        ({"projection_dims": 0}, "projection_dims is 0"),
    ],
)
def test_what_cannot_work_is_said(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CoresetChoice(**settings)  # type: ignore[arg-type]
