"""Thresholds as the user wants them, and none that a judged image had a part in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.decisions import false_alarm_threshold
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.evaluation.course import ThresholdRule

NO_TEST = np.empty(0, np.float32)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("calibrated", ThresholdRule()),
        (" source ", ThresholdRule("source")),
        ("31.5", ThresholdRule("value", 31.5)),
        ("-2", ThresholdRule("value", -2.0)),
        ("quantile:0.99", ThresholdRule("quantile", 0.99)),
    ],
)
def test_a_rule_is_read_from_its_text(text: str, rule: ThresholdRule) -> None:
    assert ThresholdRule.parse(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "auto", "calibrated:1", "source:90", "nan", "inf", "1:2", "31,5"),
        *("quantile", "quantile:", "quantile:1", "quantile:0", "quantile:x"),
    ],
)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(ConfigError, match="is none of calibrated, a score such as"):
        ThresholdRule.parse(text)


def test_the_words_say_what_the_rule_does() -> None:
    assert "10 % of the test images defective, however many are" in ThresholdRule("source").meaning
    assert "0.99 of the good training images" in ThresholdRule("quantile", 0.99).meaning
    assert "above 31.5, as given" in ThresholdRule("value", 31.5).meaning
    assert "without labels" in ThresholdRule().meaning


@settings(max_examples=20, deadline=None)
@given(
    scores=st.lists(st.floats(0.125, 100, width=32), min_size=2, max_size=60),
    quantile=st.floats(0.01, 0.99),
    labels=st.randoms(use_true_random=False),
)
def test_each_rule_agrees_with_its_definition(scores: list[float], quantile: float, labels: object) -> None:
    values = np.array(scores, np.float32)
    good = np.array([labels.random() < 0.7 for _ in scores])
    good[0] = True
    test_scores = values[::-1] * 2
    assert ThresholdRule("value", 7.0).threshold(values, good, test_scores, 0.1) == 7.0
    calibrated = ThresholdRule().threshold(values, good, test_scores, 0.1)
    assert calibrated == false_alarm_threshold(values, 0.1).threshold
    forced = ThresholdRule("source").threshold(values, good, test_scores, 0.1)
    assert forced == pytest.approx(np.percentile(test_scores, 90))
    assert (test_scores > forced).sum() <= np.ceil(0.1 * len(values))
    passing = ThresholdRule("quantile", quantile).threshold(values, good, test_scores, 0.1)
    assert (values[good] <= passing).mean() >= quantile
    assert passing in values[good]


def test_a_held_out_threshold_does_not_know_its_own_score() -> None:
    rng = np.random.default_rng(0)
    scores = rng.gamma(9, size=31).astype(np.float32)
    good = np.ones(31, bool)
    for rule in (ThresholdRule(), ThresholdRule("quantile", 0.9)):
        before = rule.held_out(scores, good, NO_TEST, 0.1, folds=4, seed=3)
        moved = 0
        for index in range(0, 31, 5):
            changed = scores.copy()
            changed[index] = 1000
            after = rule.held_out(changed, good, NO_TEST, 0.1, folds=4, seed=3)
            assert after[index] == before[index]
            moved += (after != before).any()
        assert moved > 2


def test_there_must_be_scores_to_make_a_threshold_of() -> None:
    scores = np.ones(4, np.float32)
    with pytest.raises(ImagesError, match="needs test images"):
        ThresholdRule("source").threshold(scores, scores > 0, NO_TEST, 0.1)
    with pytest.raises(ImagesError, match="too few good"):
        ThresholdRule("quantile", 0.9).threshold(scores, scores < 0, NO_TEST, 0.1)
