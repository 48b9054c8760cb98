"""The flow is a density: its log-determinant is that of its Jacobian, and its likelihoods add up to one."""

import sys

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from patchsieve.detectors.cflow.flow import ConditionalFlow
from patchsieve.detectors.trained import seeded
from patchsieve.errors import ConfigError


def flow(channels: int, *, blocks: int = 3, clamp: float = 1.9) -> ConditionalFlow:
    """A flow far from its start, where it would be nearly a rotation: with weights at random."""
    with seeded(0):
        made = ConditionalFlow(channels, 4, blocks=blocks, clamp=clamp).double()
        for weights in made.parameters():
            # The rotations, which are not learnt, stay rotations.
            if weights.requires_grad:
                weights.data += 0.5 * torch.randn_like(weights)
        made.standardise(torch.randn(50, channels, dtype=torch.float64) * torch.arange(1, channels + 1) + 2)
    return made.requires_grad_(False)


@pytest.mark.parametrize("channels", [2, 5, 8])
def test_the_log_determinant_is_that_of_the_jacobian(channels: int) -> None:
    random = torch.Generator().manual_seed(1)
    patches = 3 * torch.randn(6, channels, generator=random, dtype=torch.float64)
    places = torch.randn(6, 4, generator=random, dtype=torch.float64)
    made = flow(channels)
    log_det = made(patches, places)[1]
    for patch, place, ours in zip(patches, places, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda x, place=place: made(x[None], place[None])[0][0], patch
        )
        assert ours.item() == pytest.approx(np.linalg.slogdet(jacobian.numpy())[1], abs=1e-6)
    assert log_det.std() > 0.1


def test_the_likelihood_is_that_of_the_normal_distribution_seen_through_the_flow() -> None:
    random = torch.Generator().manual_seed(2)
    patches = torch.randn(7, 5, generator=random, dtype=torch.float64)
    places = torch.randn(7, 4, generator=random, dtype=torch.float64)
    made = flow(5)
    latent, log_det = made(patches, places)
    expected = (multivariate_normal(np.zeros(5)).logpdf(latent.numpy()) + log_det.numpy()) / 5
    np.testing.assert_allclose(made.log_likelihood(patches, places), expected, rtol=1e-12)


def test_the_likelihoods_of_all_patches_add_up_to_one() -> None:
    step = 0.05
    axis = torch.arange(-15, 20, step, dtype=torch.float64)
    plane = torch.cartesian_prod(axis, axis)
    made = flow(2, blocks=2, clamp=0.5)
    density = (2 * made.log_likelihood(plane, torch.ones(len(plane), 4, dtype=torch.float64))).exp()
    assert (density.sum() * step**2).item() == pytest.approx(1, abs=1e-3)


def test_the_place_decides_too() -> None:
    made = flow(5)
    patch = torch.zeros(1, 5, dtype=torch.float64)
    here, there = (made.log_likelihood(patch, torch.full((1, 4), x, dtype=torch.float64)) for x in (0.0, 1.0))
    assert (here - there).abs() > 1e-3


def test_a_channel_that_never_varies_is_not_blown_up() -> None:
    made = flow(4)
    patches = torch.randn(100, 4, dtype=torch.float64)
    patches[:, 2] = 7.0
    made.standardise(patches)
    assert made.deviation[2] == pytest.approx(0.01 * patches.std(dim=0, correction=0).mean().item())
    made.standardise(torch.ones(100, 4, dtype=torch.float64))
    assert torch.isfinite(
        made.log_likelihood(torch.ones(1, 4, dtype=torch.float64), torch.zeros(1, 4).double())
    )


def test_one_channel_cannot_be_coupled() -> None:
    with pytest.raises(ConfigError, match="2 or more channels"):
        ConditionalFlow(1, 4, blocks=1, clamp=1.9)


def test_a_missing_freia_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "FrEIA", None)
    with pytest.raises(ConfigError, match=r"pip install 'patchsieve\[cflow\]'"):
        ConditionalFlow(4, 4, blocks=1, clamp=1.9)
