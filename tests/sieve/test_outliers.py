"""Scores of a whole training set, and the cut."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.features import PatchFeatures
from patchsieve.sieve import (
    BY_POSITION,
    LOF,
    Gaussian,
    Mutual,
    Nearest,
    NoiseDiscriminator,
    make_discriminator,
    outlier_scores,
    sieve,
)


def embeddings(images: int, height: int, width: int, channels: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(images, height, width, channels, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", BY_POSITION)
def test_every_score_stands_at_its_own_patch(name: str) -> None:
    features = embeddings(12, 3, 5, 6)
    discriminator = make_discriminator(name)
    scores = outlier_scores(PatchFeatures(features), discriminator)
    assert scores.dtype == torch.float32
    assert scores.shape == (12, 3, 5)
    for row in range(3):
        for column in range(5):
            alone = discriminator.score(features[:, row, column][None].contiguous())[0]
            torch.testing.assert_close(scores[:, row, column], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BY_POSITION)
def test_a_set_worked_on_in_several_blocks_scores_like_its_rows_alone(name: str) -> None:
    # 20 x 20 positions of 48 images with 1024 channels are more than one block of working memory holds.
    features = embeddings(48, 20, 20, 1024)
    discriminator = make_discriminator(name)
    whole = outlier_scores(PatchFeatures(features), discriminator)
    for row in (0, 10, 19):
        alone = outlier_scores(PatchFeatures(features[:, row : row + 1]), discriminator)
        torch.testing.assert_close(whole[:, row : row + 1], alone, rtol=1e-5, atol=1e-5)


def test_progress_counts_every_position() -> None:
    class Counting:
        done = 0
        total = 0
        ended = False

        def stage(self, title: str, total: int) -> "Counting":
            assert "nearest" in title
            self.total = total
            return self

        def advance(self, amount: int = 1) -> None:
            self.done += amount

        def end(self, stage: object) -> None:
            assert stage is self
            self.ended = True

    progress = Counting()
    outlier_scores(PatchFeatures(embeddings(4, 3, 5, 2)), Nearest(), progress=progress)
    assert (progress.done, progress.total, progress.ended) == (15, 15, True)


@pytest.mark.parametrize(
    ("discriminator", "images"), [(LOF(k=6), 6), (Nearest(), 1), (Gaussian(), 1), (Mutual(k=3), 3)]
)
def test_too_few_images_are_counted_in_the_error(discriminator: NoiseDiscriminator, images: int) -> None:
    with pytest.raises(ImagesError, match=f"at least {discriminator.min_images} .* has {images}"):
        outlier_scores(PatchFeatures(embeddings(images, 2, 2, 4)), discriminator)


@settings(max_examples=100, deadline=None)
@given(
    scores=st.lists(st.integers(0, 8), min_size=1, max_size=60),
    tau=st.floats(0, 1, exclude_max=True),
)
def test_the_cut_drops_the_worst_share_rounded_down(scores: list[int], tau: float) -> None:
    values = torch.tensor(scores, dtype=torch.float32)
    keep = sieve(values, tau)
    assert keep.dtype == torch.bool
    dropped = values[~keep]
    assert len(dropped) == int(tau * len(scores))
    # Among ties at the cut any may go, but none that stays is worse than one that goes.
    if len(dropped):
        assert values[keep].max() <= dropped.min()


def test_the_cut_is_one_for_all_images_and_positions() -> None:
    scores = torch.arange(24, dtype=torch.float32).view(4, 2, 3)
    keep = sieve(scores, 0.25)
    assert keep.shape == scores.shape
    # The last image is worse everywhere, so it goes alone.
    assert keep[:3].all()
    assert not keep[3].any()


def test_a_tau_of_zero_keeps_everything() -> None:
    assert sieve(torch.rand(3, 4, 5), 0.0).all()


def test_something_always_stays() -> None:
    for count in (1, 2, 3, 7, 100):
        assert sieve(torch.rand(count), np.nextafter(1.0, 0.0)).sum() == 1


@pytest.mark.parametrize("tau", [-0.1, 1.0, 1.5, float("nan")])
def test_a_tau_out_of_range_is_refused(tau: float) -> None:
    with pytest.raises(ConfigError, match="tau is"):
        sieve(torch.rand(5), tau)
