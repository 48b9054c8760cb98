"""Neighbours by position against brute force in float64, rounding and duplicates included."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.sieve import LOF, Nearest, neighbours
from patchsieve.sieve.neighbours import neighbours_by_position


def features(positions: int, images: int, channels: int, seed: int, *, copies: bool = False) -> torch.Tensor:
    values = torch.randn(positions, images, channels, generator=torch.Generator().manual_seed(seed))
    if copies:
        values[:, images // 2 :] = values[:, : images - images // 2].clone()
    return values


def expected_distances(values: torch.Tensor, k: int, references: torch.Tensor) -> torch.Tensor:
    exact = values.double()
    distances = (exact[:, :, None] - exact[:, None, references]).square().sum(dim=3).sqrt()
    distances[:, references, torch.arange(len(references))] = torch.inf
    return distances.sort(dim=2).values[:, :, :k]


def check(values: torch.Tensor, k: int, references: torch.Tensor | None) -> None:
    distances, columns = neighbours_by_position(values, k, references)
    chosen = torch.arange(values.shape[1]) if references is None else references
    wanted = expected_distances(values, k, chosen)
    torch.testing.assert_close(distances.double(), wanted, rtol=1e-5, atol=1e-6 * float(values.abs().max()))
    images = chosen[columns]
    assert (images != torch.arange(values.shape[1])[None, :, None]).all(), "a patch is not its own neighbour"
    assert (columns.sort(dim=2).values.diff(dim=2) > 0).all(), "no neighbour is named twice"
    found = torch.stack([values[p][images[p]] for p in range(len(values))])
    again = torch.linalg.vector_norm((found - values[:, :, None]).double(), dim=3)
    torch.testing.assert_close(again, wanted, rtol=1e-5, atol=1e-6 * float(values.abs().max()))


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(4, 60), st.integers(1, 40), st.integers(0, 1000)),
    k=st.integers(1, 9),
    share=st.sampled_from([None, 0.3, 0.8]),
    offset=st.sampled_from([0.0, 100.0]),
    copies=st.booleans(),
)
def test_neighbours_are_those_of_brute_force(
    shape: tuple[int, int, int, int], k: int, share: float | None, offset: float, copies: bool
) -> None:
    positions, images, channels, seed = shape
    values = features(positions, images, channels, seed, copies=copies) + offset
    references = None
    if share is not None:
        count = max(2, int(share * images))
        references = (
            torch.randperm(images, generator=torch.Generator().manual_seed(seed))[:count].sort().values
        )
    most = images if references is None else len(references)
    check(values, min(k, most - 1), references)


def test_blocks_of_any_size_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    values = features(5, 90, 24, 3)
    whole = neighbours_by_position(values, 6)
    for size in (1, 3_000, 100_000):
        monkeypatch.setattr(neighbours, "_PRODUCT_BYTES", size)
        for ours, theirs in zip(neighbours_by_position(values, 6), whole, strict=True):
            assert torch.equal(ours, theirs)


def test_crowds_that_rounding_cannot_tell_apart_are_measured_until_it_is_certain() -> None:
    """Points within a thousandth of each other, far from the rest: their products round to the same number."""
    values = features(2, 400, 16, 5)
    values[:, 40:] = values[:, 40:41] * 50 + 1e-3 * values[:, 40:]
    check(values, 6, None)


@pytest.mark.parametrize("discriminator", [LOF(references=40), Nearest(references=40)], ids=lambda d: d.name)
def test_with_references_enough_nothing_changes(discriminator: LOF | Nearest) -> None:
    values = features(3, 40, 8, 1)
    assert torch.equal(discriminator.score(values), type(discriminator)().score(values))


def test_lof_among_references_is_lof_against_them() -> None:
    """Of an image outside the references it is scikit-learn's score of a new point, of one inside the usual one."""
    from sklearn.neighbors import LocalOutlierFactor

    values = features(3, 60, 8, 1)
    scores = LOF(k=4, references=25, seed=3).score(values).numpy()
    chosen = np.sort(np.random.default_rng(3).choice(60, size=25, replace=False))
    outside = np.setdiff1d(np.arange(60), chosen)
    for position, ours in zip(values.double().numpy(), scores, strict=True):
        twin = LocalOutlierFactor(n_neighbors=4, novelty=True).fit(position[chosen])
        np.testing.assert_allclose(ours[outside], -twin.score_samples(position[outside]), rtol=1e-4)
        np.testing.assert_allclose(ours[chosen], -twin.negative_outlier_factor_, rtol=1e-4)


def test_among_references_an_odd_patch_still_stands_out() -> None:
    values = features(4, 200, 8, 2)
    values[2, 150] += 6.0
    for discriminator in (LOF(references=30), Nearest(references=30)):
        assert discriminator.score(values)[2].argmax() == 150
