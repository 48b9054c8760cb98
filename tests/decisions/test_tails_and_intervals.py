"""The parts that thresholds are made of, beside plain twins."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from patchsieve.decisions import clopper_pearson
from patchsieve.decisions.contamination import good_by_lower_scores, sift
from patchsieve.decisions.good_scores import GoodScores, log_density, log_survival
from patchsieve.decisions.tail import fit_tail, negative_log_likelihood


def binomial_tail(count: int, total: int, share: float) -> float:
    """The chance of `count` or more."""
    return sum(comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(count, total + 1))


@given(total=st.integers(1, 40), data=st.data(), confidence=st.sampled_from([0.8, 0.9, 0.95]))
def test_the_ends_of_clopper_pearson_are_where_binomial_sums_say(
    total: int, data: st.DataObject, confidence: float
) -> None:
    count = data.draw(st.integers(0, total))
    low, high = clopper_pearson(count, total, confidence)
    tail = (1 - confidence) / 2
    assert 0 <= low <= count / total <= high <= 1
    assert low == 0 if count == 0 else binomial_tail(count, total, low) == pytest.approx(tail)
    if count == total:
        assert high == 1
    else:
        assert 1 - binomial_tail(count + 1, total, high) == pytest.approx(tail)


def test_nothing_counted_says_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def plain_pareto(excess: list[float], scale: float, shape: float) -> float:
    """The negative log-likelihood, written out, without the belief about the shape."""
    if abs(shape) < 1e-9:
        return sum(np.log(scale) + y / scale for y in excess)
    return sum(np.log(scale) + (1 + 1 / shape) * np.log(1 + shape * y / scale) for y in excess)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.15, 0.4])
def test_the_likelihood_of_a_tail_agrees_with_its_formula(shape: float) -> None:
    excess = stats.genpareto.rvs(max(shape, 0), size=30, random_state=1) * 0.5
    expected = plain_pareto(excess.tolist(), 2.0, shape) + 0.5 * (shape / 0.2) ** 2
    ones = np.ones(30)
    assert negative_log_likelihood(excess, ones, 2.0, shape) == pytest.approx(expected)
    twice = negative_log_likelihood(np.repeat(excess, 2), np.ones(60), 2.0, shape)
    assert negative_log_likelihood(excess, 2 * ones, 2.0, shape) == pytest.approx(twice)


def test_no_grid_point_is_likelier_than_the_fitted_tail() -> None:
    excess = stats.genpareto.rvs(0.2, size=80, random_state=3) * 1.7
    weights = np.linspace(1, 0.5, 80)
    tail = fit_tail(excess + 10, weights, start=10.0, rate=0.15)
    mean = float(np.average(excess, weights=weights))
    best = negative_log_likelihood(excess / mean, weights, tail.scale / mean, tail.shape)
    for scale in np.linspace(0.4, 2, 33):
        for shape in np.linspace(-0.3, 0.6, 37):
            assert best <= negative_log_likelihood(excess / mean, weights, scale, shape) + 1e-3


def test_a_tail_begins_at_its_start() -> None:
    tail = fit_tail(np.array([11.0, 12.0, 14.0]), np.ones(3), start=10.0, rate=0.1)
    assert tail.score_above(0.1) == pytest.approx(10.0)
    assert tail.score_above(0.01) > tail.score_above(0.05) > 10


@pytest.mark.parametrize(
    ("shape", "truth"),
    [
        (0.0, stats.lognorm(0.5)),
        (1.0, stats.weibull_min(2.0)),
        (-1.0, stats.invweibull(2.0)),
        (0.5, stats.gengamma(4.0, 1.0, scale=0.25)),
    ],
)
def test_the_generalised_gamma_holds_what_it_is_said_to_hold(
    shape: float, truth: stats.rv_continuous
) -> None:
    spread = 0.5
    x = np.array([0.3, 0.7, 1.0, 1.6, 2.5])
    density = np.exp(log_density(np.log(x) / spread, shape)) / (spread * x)
    assert density == pytest.approx(truth.pdf(x), rel=1e-6)
    above = [log_survival(w, shape) for w in np.log(x) / spread]
    assert np.exp(above) == pytest.approx(truth.sf(x), rel=1e-6)
    for rate in (0.5, 0.05, 0.001):
        assert GoodScores(0.0, spread, shape).score_above(rate) == pytest.approx(truth.isf(rate), rel=1e-6)


def test_near_the_normal_nothing_jumps() -> None:
    w = np.linspace(-3, 3, 7)
    assert log_density(w, 2e-3) == pytest.approx(log_density(w, 0.0), abs=0.02)
    at, near = (GoodScores(0.0, 1.0, shape).score_above(0.01) for shape in (0.0, 2e-3))
    assert near == pytest.approx(at, rel=0.01)


def test_clean_scores_stay_whole_and_far_ones_lose_their_say() -> None:
    rng = np.random.default_rng(0)
    sound, defects = rng.lognormal(0, 0.2, 200), rng.lognormal(1.6, 0.2, 20)
    assert sift(sound).contamination == 0
    assert (sift(sound).weights == 1).all()
    sifted = sift(np.concatenate([defects, sound]))
    assert sifted.contamination == pytest.approx(20 / 220, abs=0.02)
    assert sifted.count_above(float(sound.max())) < 1
    assert sifted.images == pytest.approx(200, abs=3)
    assert (np.diff(sifted.weights) <= 0).all()
    assert sift(np.concatenate([defects, sound]), clean=True).contamination == 0


def plain_censored(scores: np.ndarray, good: GoodScores) -> float:
    """The penalised likelihood of the lower four fifths, by SciPy's generalised gamma."""
    a = good.shape**-2
    scale = np.exp(good.centre) * a ** (-good.spread / good.shape)
    truth = stats.gengamma(a, good.shape / good.spread, scale=scale)
    shown, higher = scores[: int(0.8 * len(scores))], len(scores) - int(0.8 * len(scores))
    logarithms = np.log(scores)
    unit = np.median(logarithms) - np.quantile(logarithms, stats.norm.cdf(-1))
    beliefs = np.log(good.spread / unit) ** 2 / 2 + ((good.shape + 0.3) / 0.7) ** 2 / 2
    return float(-truth.logpdf(shown).sum() - higher * truth.logsf(shown[-1]) + beliefs)


@pytest.mark.parametrize("truth", [stats.invweibull(6), stats.gamma(9), stats.weibull_min(3)])
def test_no_neighbour_is_likelier_than_what_the_lower_scores_foretell(truth: stats.rv_continuous) -> None:
    scores = np.sort(truth.rvs(200, random_state=2))
    good = good_by_lower_scores(scores)
    assert good is not None
    best = plain_censored(scores, good)
    for centre in (-0.02, 0.0, 0.02):
        for spread in (0.95, 1.0, 1.05):
            for shape in (-0.1, 0.0, 0.1):
                other = GoodScores(good.centre + centre, good.spread * spread, good.shape + shape)
                assert best <= plain_censored(scores, other) + 1e-4


def test_what_lies_beyond_the_lower_scores_has_no_say_but_by_its_number() -> None:
    scores = np.sort(stats.gamma(9).rvs(100, random_state=0))
    moved = np.append(scores[:80], scores[80:] * np.linspace(2, 50, 20))
    assert good_by_lower_scores(moved) == good_by_lower_scores(scores)
    assert good_by_lower_scores(np.full(5, 2.5)) is None
