"""Several views of the training images say together whether any is defective."""

import numpy as np
import pytest
import torch

from patchsieve.decisions.contamination import Sifted
from patchsieve.detectors import suspicion
from patchsieve.detectors.suspicion import suspect
from patchsieve.sieve import Support


def support(evidence: np.ndarray) -> Support:
    """Distances of images that are alike but for how far all others are from each: 20 patches, 16 others."""
    distances = torch.from_numpy(evidence).float()[:, None, None].expand(-1, 20, 16).contiguous()
    nearest = torch.stack([torch.randperm(len(evidence))[:16] for _ in range(20 * len(evidence))])
    return Support(
        distances, nearest.view(len(evidence), 20, 16).to(torch.int16), torch.arange(len(evidence))
    )


@pytest.mark.parametrize(
    ("near", "far", "placed", "distrusted", "certain"),
    [
        (9.0, 9.0, 0.0, range(90, 100), True),
        (12.0, 0.0, 2.1, range(90, 100), True),
        (12.0, 0.0, 1.9, (), False),
        (5.0, 5.0, 2.9, (), False),
        (5.6, 5.6, 2.5, (), False),
        (3.0, 3.0, 6.0, range(7), True),
        (6.0, 4.0, 6.0, (*range(7), *range(90, 100)), True),
        (2.0, 1.0, 0.5, (), False),
    ],
)
def test_evidence_of_the_views_is_added(
    monkeypatch: pytest.MonkeyPatch,
    near: float,
    far: float,
    placed: float,
    distrusted: tuple[int, ...],
    certain: bool,
) -> None:
    """Half of each of both distances, all of the positions; a view that is not significant names no image."""
    logs = iter([(near, 10), (far, 30), (placed, 7)])

    def sifted(scores: np.ndarray) -> Sifted:
        log, named = next(logs)
        weights = (np.arange(100) < 100 - named * (log > 5.67)).astype(float)
        return Sifted(np.sort(scores), weights, named / 100, log, None)

    monkeypatch.setattr(suspicion, "sift", sifted)
    factors = torch.linspace(3, 1, 100)[:, None, None].expand(100, 4, 5)
    found = suspect(support(np.linspace(1, 2, 100)), factors)
    np.testing.assert_array_equal(found.distrusted.nonzero()[:, 0], np.array(distrusted, dtype=np.int64))
    assert found.certain == certain


def test_images_that_are_far_from_all_others_are_distrusted_and_heavy_tails_are_not() -> None:
    random = np.random.default_rng(0)
    good = random.gamma(30, 1 / 30, size=300)
    found = suspect(support(good), None)
    assert found.certain
    assert not found.distrusted.any()
    defective = np.concatenate([good, random.gamma(30, 1 / 12, size=30)])
    found = suspect(support(defective), None)
    assert found.certain
    assert found.distrusted[300:].sum() >= 25
    assert found.distrusted[:300].sum() <= 3


def test_few_images_need_twice_the_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        suspicion,
        "sift",
        lambda scores: Sifted(np.sort(scores), np.arange(len(scores)) < 70.0, 0.1, 9.0, None),
    )
    assert suspect(support(np.linspace(1, 2, 80)), None).distrusted.sum() == 10
    assert not suspect(support(np.linspace(1, 2, 79)), None).distrusted.any()


def test_few_images_are_never_certainly_good() -> None:
    good = np.random.default_rng(0).gamma(30, 1 / 30, size=300)
    assert not suspect(support(good[:199]), None).certain
    assert suspect(support(good[:200]), None).certain
