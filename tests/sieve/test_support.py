"""Support by other images: distances, trusted images and radii against plain NumPy."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import patchsieve.sieve.support
from patchsieve.features import PatchFeatures
from patchsieve.sieve import Support, Witnesses

Features = npt.NDArray[np.float32]


def drawn(images: int, height: int, width: int, channels: int, seed: int = 0) -> Features:
    return np.random.default_rng(seed).normal(size=(images, height, width, channels)).astype(np.float32)


def twin(values: Features) -> npt.NDArray[np.float64]:
    """Distance of every patch to the nearest of every other image, `[N, P, N]`, infinite to its own."""
    images = len(values)
    patches = values.astype(np.float64).reshape(images, -1, values.shape[3])
    away = np.empty((images, patches.shape[1], images))
    for image, other in np.ndindex(images, images):
        pairs = np.linalg.norm(patches[image][:, None] - patches[other][None], axis=2)
        away[image, :, other] = np.inf if image == other else pairs.min(axis=1)
    return away


sets = st.tuples(
    st.integers(3, 8), st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(0, 999)
)


@settings(max_examples=25, deadline=None)
@given(
    shape=sets,
    offset=st.sampled_from([0.0, 100.0]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_distances_and_evidence_are_those_of_their_definition(
    shape: tuple[int, ...], offset: float, dtype: torch.dtype
) -> None:
    values = drawn(*shape) + np.float32(offset)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(patchsieve.sieve.support, "fast_dtype", lambda _: dtype)
        support = Support.measure(PatchFeatures(torch.from_numpy(values)))
    away = twin(values)
    near = {"rtol": 1e-3, "atol": 2e-3}
    if dtype == torch.bfloat16:  # which rounds lengths to 8 bits
        near = {"rtol": 0, "atol": 0.01 * np.linalg.norm(values - values.mean(axis=(0, 1, 2)), axis=3).max()}
    assert support.distances.shape == (len(values), away.shape[1], len(values) - 1)
    np.testing.assert_allclose(support.distances, np.sort(away, axis=2)[:, :, :-1], **near)
    np.testing.assert_allclose(
        np.take_along_axis(away, support.nearest.long().numpy(), axis=2), support.distances, **near
    )
    for nearest in (1, 3, 8):
        apart = np.sort(away, axis=2)[:, :, min(nearest, len(values) - 1) - 1]
        worst = np.sort(apart, axis=1)[:, ::-1][:, : max(1, round(0.1 * apart.shape[1]))]
        np.testing.assert_allclose(support.evidence(nearest), worst.mean(axis=1), **near)


@settings(max_examples=25, deadline=None)
@given(shape=sets, share=st.floats(0.0, 0.4))
def test_trusted_images_are_those_that_they_themselves_find_least_odd(
    shape: tuple[int, ...], share: float
) -> None:
    values = drawn(*shape)
    distrusted = int(share * len(values))
    support = Support.measure(PatchFeatures(torch.from_numpy(values)))
    trusted = support.trusted(distrusted).numpy()
    assert (~trusted).sum() == distrusted
    # Distances as they were measured: two images that are nearest to each other are as odd, but for the rounding.
    away = np.full((len(values), support.distances.shape[1], len(values)), np.inf)
    np.put_along_axis(away, support.nearest.long().numpy(), support.distances.double().numpy(), axis=2)
    scores = np.sort(away, axis=2)[:, :, min(3, len(values) - 1) - 1].max(axis=1)
    expected = np.zeros(len(values), dtype=bool)
    expected[np.argsort(scores, kind="stable")[: len(values) - distrusted]] = True
    for _ in range(20):
        scores = away[:, :, expected].min(axis=2).max(axis=1)
        again = np.zeros_like(expected)
        again[np.argsort(scores, kind="stable")[: len(values) - distrusted]] = True
        if (again == expected).all():
            break
        expected = again
    np.testing.assert_array_equal(trusted, expected)


def test_defects_that_look_alike_do_not_hide_each_other() -> None:
    values = drawn(30, 4, 4, 6)
    values[:3, 1, 1] = 25 + drawn(3, 1, 1, 6, seed=1)[:, 0, 0]
    trusted = Support.measure(PatchFeatures(torch.from_numpy(values))).trusted(3)
    np.testing.assert_array_equal((~trusted).nonzero()[:, 0], np.arange(3))


def test_many_images_are_compared_with_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patchsieve.sieve.support, "_REFERENCES", 10)
    monkeypatch.setattr(patchsieve.sieve.support, "_REFERENCE_PATCHES", 50)
    monkeypatch.setattr(patchsieve.sieve.support, "_NEAREST", 5)
    monkeypatch.setattr(patchsieve.sieve.support, "_KEPT", 40 * 5 * 4)
    values = drawn(40, 4, 4, 6)
    values[7] += 20
    support = Support.measure(PatchFeatures(torch.from_numpy(values)), seed=3)
    assert support.distances.shape == support.nearest.shape == (40, 4, 5)
    assert Support.kept_bytes(40, 4, 4) == support.distances.nbytes + support.nearest.nbytes
    assert (np.diff(support.references) > 0).all()
    assert len(support.references) == 10
    assert (np.diff(support.distances, axis=2) >= 0).all()
    assert support.distances.isfinite().all()
    assert (support.references[support.nearest.long()] != torch.arange(40)[:, None, None]).all()
    assert not support.trusted(1)[7]
    again = Support.measure(PatchFeatures(torch.from_numpy(values)), seed=3)
    torch.testing.assert_close(again.distances, support.distances)


def test_who_is_known_by_distrusted_images_alone_comes_last() -> None:
    """Four know each other well, but for one; eight know each other a little. Of twelve, five are to go."""
    distances = torch.tensor([[[0.1, 0.2, 9.0]]] * 4 + [[[5.0, 5.0, 5.0]]] * 8)
    distances[4] = 5.5
    nearest = torch.tensor([[[1, 2, 3]], [[0, 2, 3]], [[0, 1, 3]], [[0, 1, 2]], *[[[5, 6, 7]]] * 8])
    nearest[5:8, 0] = torch.tensor([8, 9, 10])
    support = Support(distances, nearest.to(torch.int16), torch.arange(12))
    np.testing.assert_array_equal((~support.trusted(5)).nonzero()[:, 0], np.arange(5))
    # Among themselves they are in the order of how far the others are.
    distances[2, 0, 2] = 8.0
    scores = support._scores(torch.arange(12) >= 4)
    assert scores[2] < scores[[0, 1, 3]].min()
    assert scores[4:].max() < scores[2]


@pytest.mark.parametrize(("size", "looked_at"), [((16, 16), 256), ((17, 16), 9 * 8), ((28, 28), 14 * 14)])
def test_so_many_patches_of_each_image_are_looked_at(size: tuple[int, int], looked_at: int) -> None:
    support = Support.measure(PatchFeatures(torch.from_numpy(drawn(5, *size, 3))))
    assert support.distances.shape == (5, looked_at, 4)
    assert Support.kept_bytes(5, *size) == support.distances.nbytes + support.nearest.nbytes
    assert Support.kept_bytes(1, *size) == 6 * looked_at


@settings(max_examples=25, deadline=None)
@given(shape=sets, witnesses=st.integers(1, 4), out=st.integers(0, 1))
def test_a_radius_is_the_mean_distance_to_the_nearest_trusted_others(
    shape: tuple[int, ...], witnesses: int, out: int
) -> None:
    values = drawn(*shape)
    trusted = np.arange(len(values)) >= out
    away = twin(values)[:, :, trusted]
    owners = np.repeat(np.arange(len(values)), away.shape[1])[::2]
    count = min(witnesses, int(trusted.sum()) - 1)
    expected = np.sort(away.reshape(-1, away.shape[2]), axis=1)[::2, :count].mean(axis=1)
    patches = values.reshape(-1, values.shape[3])[::2]
    found = Witnesses.measure(
        PatchFeatures(torch.from_numpy(values)),
        torch.from_numpy(patches),
        torch.from_numpy(owners),
        torch.from_numpy(trusted),
        count=witnesses,
    )
    assert found.radii.dtype == torch.float32
    np.testing.assert_allclose(found.radii, expected, rtol=1e-3, atol=2e-3)
    for image in range(len(values)):
        left = trusted & (np.arange(len(values)) != image)
        # A bank patch is of a trusted image.
        others = (owners != image) & trusted[owners]
        if left.sum() < 2:
            continue
        away = twin(values)[:, :, left].reshape(-1, left.sum())[::2]
        counted = np.sort(away, axis=1)[:, :witnesses]
        expected = np.ma.masked_invalid(counted).mean(axis=1)[others]
        np.testing.assert_allclose(found.radii_without(image)[others], expected, rtol=1e-3, atol=2e-3)


def test_the_only_witness_is_kept() -> None:
    """Where no other image is left, a radius stays what it was: nothing is known of how it would be without it."""
    values = torch.from_numpy(drawn(2, 3, 3, 4))
    trusted = torch.ones(2, dtype=torch.bool)
    found = Witnesses.measure(
        PatchFeatures(values), values[0].reshape(-1, 4), torch.zeros(9).long(), trusted, count=2
    )
    assert torch.equal(found.radii_without(1), found.radii)
