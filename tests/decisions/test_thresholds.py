"""The threshold without labels, on scores whose truth is known."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from patchsieve.decisions import robust_threshold
from patchsieve.errors import ConfigError

Scores = npt.NDArray[np.float64]
CENTRE, SPREAD = np.log(3.0), 0.2
positive = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=60)
quantiles = st.floats(0.01, 0.999)


def good(count: int, seed: int = 0) -> Scores:
    return np.random.default_rng(seed).lognormal(CENTRE, SPREAD, count)


def contaminated(count: int, share: float, seed: int = 0) -> Scores:
    """Scores of good images, and of a share of defective ones two to six times as high."""
    rng = np.random.default_rng(seed + 1000)
    defective = 3.0 * rng.uniform(2, 6, round(share * count))
    return np.concatenate([good(count, seed), defective])


def truth(quantile: float) -> float:
    return float(np.exp(NormalDist(CENTRE, SPREAD).inv_cdf(quantile)))


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99, 0.999])
def test_the_quantile_of_clean_scores_is_found(quantile: float) -> None:
    assert robust_threshold(good(20_000), quantile) == pytest.approx(truth(quantile), rel=0.03)


@pytest.mark.parametrize("quantile", [0.9, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_of_defective_images_hardly_moves_it(quantile: float, seed: int) -> None:
    scores = contaminated(300, 0.1, seed)
    threshold = robust_threshold(scores, quantile)
    assert threshold == pytest.approx(truth(quantile), rel=0.15)
    # The defects that an empirical quantile would have let pass are found, and few good images are lost.
    assert (scores[300:] > threshold).mean() > 0.95
    assert (scores[:300] > threshold).mean() < 2 * (1 - quantile) + 0.02


def test_an_empirical_quantile_would_have_followed_the_defects() -> None:
    scores = contaminated(300, 0.1)
    assert np.quantile(scores, 0.99) > 2 * truth(0.99)


def test_contamination_only_raises_it() -> None:
    clean = robust_threshold(good(2000), 0.99)
    raised = [robust_threshold(contaminated(2000, share), 0.99) for share in (0.02, 0.05, 0.1, 0.2)]
    assert [clean, *raised] == sorted([clean, *raised])


@given(scores=positive, low=quantiles, high=quantiles)
def test_a_higher_quantile_never_gives_a_lower_threshold(
    scores: list[float], low: float, high: float
) -> None:
    low, high = min(low, high), max(low, high)
    assert robust_threshold(scores, low) <= robust_threshold(scores, high)


@given(scores=positive, quantile=quantiles, factor=st.sampled_from([0.01, 0.5, 7.0, 1e4]))
def test_it_lives_on_the_scale_of_the_scores(scores: list[float], quantile: float, factor: float) -> None:
    scaled = robust_threshold(np.array(scores) * factor, quantile)
    assert scaled == pytest.approx(factor * robust_threshold(scores, quantile), rel=1e-6)


@given(scores=positive, quantile=quantiles)
def test_the_order_of_the_scores_does_not_matter(scores: list[float], quantile: float) -> None:
    assert robust_threshold(scores[::-1], quantile) == robust_threshold(scores, quantile)


def test_how_far_outliers_lie_has_no_say() -> None:
    scores = good(201)
    near, far = (np.append(scores, np.full(20, scores.max() * factor)) for factor in (10, 1e6))
    assert robust_threshold(near, 0.99) == robust_threshold(far, 0.99)


@pytest.mark.parametrize("contamination", [0.0, 0.1, 0.2])
def test_the_share_of_good_images_above_it_is_the_one_asked_for(contamination: float) -> None:
    """Log-normal scores, of which the distribution function is known; 1 % asked for, 200 sets of 500."""
    achieved = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        sound = rng.lognormal(0.0, 0.2, 500)
        defective = rng.lognormal(0.8, 0.3, int(500 * contamination))
        threshold = robust_threshold(np.concatenate([sound, defective]), 0.99)
        achieved.append(norm.sf(np.log(threshold) / 0.2))
    assert 0.007 < np.median(achieved) < 0.013


@pytest.mark.parametrize("scores", [[2.5], [2.5] * 30, np.full(7, 2.5, dtype=np.float32)])
def test_scores_without_spread_are_their_own_threshold(scores: npt.ArrayLike) -> None:
    assert robust_threshold(scores, 0.99) == pytest.approx(2.5)


def test_scores_of_zero_give_a_finite_threshold() -> None:
    assert 0 <= robust_threshold([0.0, 0.0, 0.0], 0.99) < 1e-30
    assert np.isfinite(robust_threshold([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 0.99))


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.5, 99.0, float("nan")])
def test_a_quantile_out_of_range_is_refused(quantile: float) -> None:
    with pytest.raises(ConfigError, match="threshold_quantile is"):
        robust_threshold([1.0, 2.0], quantile)
