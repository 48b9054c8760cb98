"""The discriminator that looks anywhere in other images, against plain NumPy, and where it is needed."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from patchsieve.features import PatchFeatures
from patchsieve.sieve import LOF, Mutual, outlier_scores

Features = npt.NDArray[np.float32]


def scored(discriminator: Mutual | LOF, values: Features) -> npt.NDArray[np.float32]:
    scores = outlier_scores(PatchFeatures(torch.from_numpy(values)), discriminator)
    assert scores.dtype == torch.float32
    return scores.numpy()


def twin(values: Features, k: int) -> npt.NDArray[np.float64]:
    """The definition, with every patch of every image compared."""
    images, height, width, _ = values.shape
    patches = values.astype(np.float64).reshape(images, height * width, -1)
    scores = np.empty((images, height * width))
    for image in range(images):
        for place, patch in enumerate(patches[image]):
            away = [np.linalg.norm(patches[j] - patch, axis=1).min() for j in range(images) if j != image]
            scores[image, place] = sorted(away)[k - 1]
    return scores.reshape(images, height, width)


def assert_close(scores: npt.NDArray[np.float32], values: Features, k: int) -> None:
    """Rounding may name another patch than the nearest: the score is then a little too high, and never too low."""
    exact = twin(values, k)
    longest = np.linalg.norm(values - values.mean(axis=(0, 1, 2)), axis=3).max()
    assert (scores >= exact - 1e-5 * longest).all()
    assert (scores <= exact + 0.02 * longest).all()


def drawn(images: int, height: int, width: int, channels: int, seed: int = 0) -> Features:
    return np.random.default_rng(seed).normal(size=(images, height, width, channels)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(
    images=st.integers(3, 9),
    height=st.integers(1, 4),
    width=st.integers(1, 5),
    channels=st.integers(1, 12),
    k=st.integers(1, 8),
    offset=st.sampled_from([0.0, 100.0]),
    seed=st.integers(0, 1000),
)
def test_it_is_the_kth_nearest_other_image(
    images: int, height: int, width: int, channels: int, k: int, offset: float, seed: int
) -> None:
    values = drawn(images, height, width, channels, seed) + np.float32(offset)
    k = min(k, images - 1)
    assert_close(scored(Mutual(k=k), values), values, k)


def test_copies_are_at_distance_zero_and_near_copies_are_measured_exactly() -> None:
    values = drawn(8, 3, 4, 32)
    values[4:] = values[:4] + np.float32(1e-4) * drawn(4, 3, 4, 32, seed=1)
    np.testing.assert_allclose(scored(Mutual(k=1), values), twin(values, 1), rtol=1e-3)
    values[4:] = values[:4]
    assert (scored(Mutual(k=1), values) == 0).all()


def test_the_sample_takes_as_much_from_every_image() -> None:
    """Of 40 images with 12 patches each, 5 a piece: a patch that all images share is found in the others' samples."""
    values = drawn(40, 3, 4, 6)
    whole, sampled = scored(Mutual(k=1), values), scored(Mutual(k=1, patches=200), values)
    assert (sampled >= whole - 1e-2).all()
    assert (sampled > whole + 1e-2).any()
    np.testing.assert_array_equal(sampled, scored(Mutual(k=1, patches=200), values))
    assert (sampled != scored(Mutual(k=1, patches=200, seed=1), values)).any()


def test_more_images_than_the_sample_may_hold_are_all_scored() -> None:
    values = drawn(30, 2, 2, 4)
    scores = scored(Mutual(k=2, patches=7), values)
    assert scores.shape == (30, 2, 2)
    assert (np.isfinite(scores) & (scores > 0)).all()
    np.testing.assert_array_equal(scored(Mutual(k=2, patches=10_000), values) <= scores + 1e-2, True)


def test_an_image_does_not_vouch_for_itself() -> None:
    values = drawn(10, 3, 3, 6)
    values[2] = 20.0
    scores = scored(Mutual(k=1), values)
    assert scores[2].min() > 5 * np.delete(scores, 2, axis=0).max()


def test_a_defect_that_fewer_than_k_others_share_is_an_outlier() -> None:
    values = drawn(20, 3, 3, 6)
    values[:3, 1, 1] = 20.0
    alike = scored(Mutual(k=2), values)
    assert alike[:3, 1, 1].max() < 1e-3
    apart = scored(Mutual(k=3), values)
    assert apart[:3, 1, 1].min() > np.delete(apart.ravel(), [4, 13, 22]).max()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_parts_that_move_it_finds_what_the_factor_by_position_does_not(seed: int) -> None:
    """A part of 5 x 5 patches lies anywhere on a plain ground, turned by quarters; some have one odd patch."""
    rng = np.random.default_rng(seed)
    part = np.random.default_rng(9).normal(0, 3, (5, 5, 8))
    values = rng.normal(0, 0.5, (40, 12, 12, 8))
    odd = np.zeros((40, 12, 12), dtype=bool)
    for image in range(40):
        row, column = rng.integers(0, 7, 2)
        values[image, row : row + 5, column : column + 5] += np.rot90(part, rng.integers(4))
        if image < 8:
            place = (image, row + rng.integers(5), column + rng.integers(5))
            values[place] += rng.normal(0, 2.5, 8)
            odd[place] = True
    features = values.astype(np.float32)
    by_position = roc_auc_score(odd.ravel(), scored(LOF(), features).ravel())
    anywhere = roc_auc_score(odd.ravel(), scored(Mutual(), features).ravel())
    assert anywhere > 0.99
    assert by_position < anywhere - 0.03


def test_progress_counts_to_its_total() -> None:
    class Counting:
        done = 0
        total = 0

        def stage(self, title: str, total: int) -> "Counting":
            assert "mutual" in title
            self.total = total
            return self

        def advance(self, amount: int = 1) -> None:
            self.done += amount

        def end(self, stage: object) -> None:
            assert stage is self

    progress = Counting()
    outlier_scores(PatchFeatures(torch.from_numpy(drawn(7, 3, 5, 2))), Mutual(), progress=progress)
    assert progress.done == progress.total == 15
