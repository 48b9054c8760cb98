"""The threshold without labels, on scores whose truth is known."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from patchsieve.decisions import ScoreTail, false_alarm_threshold
from patchsieve.decisions.contamination import good_by_lower_scores
from patchsieve.errors import ConfigError

Scores = npt.NDArray[np.float64]
GAMMA = stats.gamma(9)
positive = st.lists(st.floats(0.0009765625, 1024, width=32), min_size=1, max_size=60)
rates = st.floats(0.001, 0.99)
few = settings(max_examples=10, deadline=None)


def good(count: int, seed: int = 0) -> Scores:
    return np.asarray(GAMMA.rvs(count, random_state=seed))


def contaminated(count: int, seed: int = 0, share: float = 0.1) -> Scores:
    defects = 9 * np.random.default_rng(seed + 1000).uniform(2.0, 5.0, round(share * count))
    return np.concatenate([good(count - len(defects), seed), defects])


@pytest.mark.parametrize("rate", [0.2, 0.05, 0.01, 0.002])
@pytest.mark.parametrize("family", [GAMMA, stats.lognorm(0.3), stats.weibull_min(3), stats.invweibull(6)])
def test_the_rate_of_scores_known_to_be_clean_is_met(family: stats.rv_continuous, rate: float) -> None:
    scores = family.rvs(4000, random_state=1)
    found = false_alarm_threshold(scores, rate, clean=True)
    assert family.sf(found.threshold) == pytest.approx(rate, rel=0.45)
    assert found.contamination == 0


@pytest.mark.parametrize("rate", [0.05, 0.01])
@pytest.mark.parametrize("family", [GAMMA, stats.lognorm(0.3), stats.weibull_min(3), stats.invweibull(6)])
def test_it_is_met_without_that_knowledge_too_even_where_the_tail_is_long(
    family: stats.rv_continuous, rate: float
) -> None:
    found = false_alarm_threshold(family.rvs(4000, random_state=1), rate)
    assert family.sf(found.threshold) == pytest.approx(rate, rel=0.45)


@pytest.mark.parametrize("rate", [0.05, 0.01, 0.002])
def test_a_tail_that_the_lower_scores_do_not_foretell_is_believed_only_of_clean_images(rate: float) -> None:
    rng = np.random.default_rng(3)
    scores = np.exp(np.append(rng.normal(3, 0.12, 500), rng.normal(3.25, 0.15, 50)))
    foretold = good_by_lower_scores(np.sort(scores))
    found = false_alarm_threshold(scores, rate)
    assert foretold is not None
    assert (found.threshold, found.method) == (foretold.score_above(rate), "lower four fifths")
    assert found.threshold < false_alarm_threshold(scores, rate, clean=True).threshold
    # The interval is of this threshold, and counts all above it as good ones.
    assert found.high > (scores > found.threshold).mean()


def test_defects_in_the_long_tail_do_not_drag_the_threshold_up() -> None:
    rng = np.random.default_rng(0)
    good = np.exp(rng.normal(3, 0.12, 500))
    hidden = np.exp(rng.normal(3.4, 0.2, 50))
    alone = false_alarm_threshold(good, 0.01).threshold
    together = false_alarm_threshold(np.concatenate([good, hidden]), 0.01).threshold
    assert together == pytest.approx(alone, rel=0.1)


@pytest.mark.parametrize("count", [30, 100, 400])
def test_the_interval_holds_the_achieved_rate_as_often_as_it_says(count: int) -> None:
    """40 clean sets: 90 % in both directions are at least 31 of 40 but once in a thousand times."""
    inside = 0
    for seed in range(40):
        found = false_alarm_threshold(good(count, seed), 0.01, clean=True)
        inside += found.low <= GAMMA.sf(found.threshold) <= found.high
    assert inside >= 31


def test_a_tenth_of_defective_images_does_not_drag_it_up() -> None:
    naive, thresholds, highs = [], [], []
    for seed in range(12):
        scores = contaminated(400, seed)
        found = false_alarm_threshold(scores, 0.02)
        thresholds.append(GAMMA.sf(found.threshold))
        highs.append(found.high)
        naive.append(GAMMA.sf(np.quantile(scores, 0.98)))
        assert found.contamination == pytest.approx(0.1, abs=0.06)
    assert np.median(naive) < 1e-6
    assert 0.003 < np.median(thresholds) < 0.03
    assert (np.array(thresholds) <= np.array(highs)).sum() >= 11


def test_how_far_the_defects_lie_has_no_say() -> None:
    scores = good(300)
    near, far = (
        false_alarm_threshold(np.append(scores, np.full(20, scores.max() * factor)), 0.01).threshold
        for factor in (4, 40)
    )
    assert near == pytest.approx(far, rel=0.1)


@few
@given(scores=positive, low=rates, high=rates)
def test_a_lower_rate_never_has_a_lower_threshold(scores: list[float], low: float, high: float) -> None:
    low, high = min(low, high), max(low, high)
    tail = ScoreTail.of(scores)
    assert tail.threshold(low).threshold >= tail.threshold(high).threshold


@pytest.mark.parametrize("make", [good, contaminated])
def test_a_lower_rate_never_has_a_lower_threshold_where_methods_change(make: object) -> None:
    tail = ScoreTail.of(make(500))  # type: ignore[operator]
    thresholds = [tail.threshold(rate).threshold for rate in np.geomspace(1e-5, 0.9, 200)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert {tail.threshold(rate).method for rate in (0.001, 0.1)} == {
        "generalised Pareto tail",
        "order statistic",
    }


@few
@given(scores=positive, rate=rates, factor=st.sampled_from([0.0625, 0.5, 8.0, 1024.0]))
def test_it_lives_on_the_scale_of_the_scores(scores: list[float], rate: float, factor: float) -> None:
    plain = false_alarm_threshold(scores, rate)
    scaled = false_alarm_threshold(np.array(scores) * factor, rate)
    assert scaled.threshold == pytest.approx(factor * plain.threshold, rel=1e-3)


@few
@given(scores=positive, rate=rates)
def test_the_order_of_the_scores_does_not_matter(scores: list[float], rate: float) -> None:
    assert false_alarm_threshold(scores[::-1], rate) == false_alarm_threshold(scores, rate)


@given(
    scores=st.lists(st.integers(1, 40), min_size=20, max_size=60),
    rate=st.floats(0.55, 0.95),
)
@few
def test_counted_thresholds_agree_with_plain_enumeration(scores: list[int], rate: float) -> None:
    """The highest score that the share asked for is at or above."""
    found = false_alarm_threshold(scores, rate, clean=True)
    reaching = [value for value in scores if sum(s >= value for s in scores) >= rate * len(scores) - 1e-9]
    assert found.method == "order statistic"
    assert found.threshold == max(reaching)


@pytest.mark.parametrize("scores", [[2.5], [2.5] * 30, np.full(7, 2.5, dtype=np.float32)])
def test_scores_without_spread_are_their_own_threshold(scores: npt.ArrayLike) -> None:
    assert false_alarm_threshold(scores, 0.01).threshold == pytest.approx(2.5)


def test_scores_of_zero_give_a_finite_threshold() -> None:
    assert 0 <= false_alarm_threshold([0.0, 0.0, 0.0], 0.01).threshold < 1e-30
    assert np.isfinite(false_alarm_threshold([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 0.01).threshold)


def test_too_few_images_for_the_rate_are_said_to_be_so() -> None:
    (warning,) = false_alarm_threshold(good(60), 0.005).warnings
    assert (
        "60 training images are too few for a false-alarm rate of 0.5 %: about 200 would show one" in warning
    )
    assert false_alarm_threshold(good(400), 0.005).warnings == ()


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.5, 5.0, float("nan")])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=r"false_alarms is .* such as 0.01 for one good image in a hundred"):
        false_alarm_threshold([1.0, 2.0], rate)


@pytest.mark.parametrize("rate", [0.05, 0.01])
def test_images_set_aside_move_no_threshold_but_may_be_good_ones_in_the_interval(rate: float) -> None:
    scores = np.append(good(300), np.linspace(4, 40, 30))
    doubted = np.arange(330) >= 300
    found = ScoreTail.of(scores, doubted=doubted).threshold(rate)
    alone = ScoreTail.of(scores[:300], doubted=np.zeros(300, bool)).threshold(rate)
    assert (found.threshold, found.method) == (alone.threshold, alone.method)
    above = int((scores > found.threshold).sum())
    assert found.high == pytest.approx(stats.beta.ppf(0.95, above + 1, 330 - above))
    assert found.high > alone.high
    assert (found.low, found.images) == (0.0, 330)
    assert found.contamination == pytest.approx((30 + 300 * alone.contamination) / 330)
    # Somebody who says that all are good says it of these, too.
    clean, all_clean = (
        ScoreTail.of(scores, clean=True, doubted=each).threshold(rate) for each in (doubted, None)
    )
    assert clean == all_clean


def rare(seed: int, count: int = 20, middle: float = 3.4) -> Scores:
    """Return 400 scores of which some lie apart from the others, as those of rare good images do."""
    rng = np.random.default_rng(seed)
    return np.exp(np.append(rng.normal(3, 0.12, 400 - count), rng.normal(middle, 0.15, count)))


def test_what_the_detector_judged_is_not_judged_again_by_doubtful_scores() -> None:
    scores = rare(0)
    alone, judged = (ScoreTail.of(scores, doubted=each) for each in (None, np.zeros(400, bool)))
    assert (alone.sifted.contamination > 0, alone.sifted.decisive) == (True, False)
    assert judged.contamination == 0
    assert judged.threshold(0.03).threshold > alone.threshold(0.03).threshold
    # Nobody has looked, so it may still be that all above are defective.
    assert judged.threshold(0.03).low == 0


def test_defects_beyond_doubt_are_found_though_the_detector_overlooked_them() -> None:
    scores = contaminated(400)
    overlooked, not_judged = (
        ScoreTail.of(scores, doubted=each).threshold(0.01) for each in (np.zeros(400, bool), None)
    )
    assert overlooked == not_judged
    assert overlooked.contamination == pytest.approx(0.1, abs=0.06)
