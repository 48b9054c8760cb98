"""All tests of one check: their number is paid for, and only what matters counts."""

import numpy as np
import pytest

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.evaluation.drift import Finding, Rules, Sample, findings
from patchsieve.images import STATISTICS

NAMES = [each.name for each in STATISTICS]


def drawn(rng: np.random.Generator, images: int) -> Sample:
    """Return images of a coloured part, as they might be measured."""
    usual = np.array([0.5, 0.4, 0.3, 0.3, 0.1, 0.02, 0.5, 0.5])
    figures = usual * (1 + 0.1 * rng.normal(size=(images, len(NAMES))))
    return Sample(rng.lognormal(3, 0.1, images), rng.normal(size=(images, 12)), figures.astype(np.float32))


def changed(sample: Sample, name: str, factor: float) -> Sample:
    figures = sample.appearance.copy()
    figures[:, NAMES.index(name)] *= factor
    return Sample(sample.scores, sample.pooled, figures)


def drifted(tests: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(each.name, each.direction) for each in tests if each.drifted}


def test_p_values_are_corrected_as_by_hand() -> None:
    rng = np.random.default_rng(0)
    tests = findings(drawn(rng, 60), changed(drawn(rng, 20), "brightness", 0.8), Rules(), nearest=True)
    assert len(tests) == 19
    ordered = sorted(tests, key=lambda each: each.p_value)
    for rank, each in enumerate(ordered):
        by_hand = max(
            min(1.0, other.p_value * (19 - place)) for place, other in enumerate(ordered[: rank + 1])
        )
        assert each.p_holm == pytest.approx(by_hand)


def test_only_the_figure_that_changed_has_drifted() -> None:
    rng = np.random.default_rng(1)
    training, today = drawn(rng, 200), drawn(rng, 50)
    assert drifted(findings(training, today, Rules(), nearest=True)) == set()
    for factor, direction in ((0.8, "lower"), (1.25, "higher")):
        for name in NAMES:
            tests = findings(training, changed(today, name, factor), Rules(), nearest=True)
            expected = {(name, direction)} if _noticed(name, factor) else set()
            assert drifted(tests) == expected, name


def _noticed(name: str, factor: float) -> bool:
    statistic = STATISTICS[NAMES.index(name)]
    usual = [0.5, 0.4, 0.3, 0.3, 0.1, 0.02, 0.5, 0.5][NAMES.index(name)]
    change = factor - 1 if statistic.relative else usual * (factor - 1)
    return abs(change) > statistic.noticeable


def test_what_nobody_can_notice_is_no_drift() -> None:
    rng = np.random.default_rng(2)
    training, today = drawn(rng, 500), drawn(rng, 200)
    stable = [Sample(each.scores, each.pooled, each.appearance.copy()) for each in (training, today)]
    for each, level in zip(stable, (0.5, 0.495), strict=True):
        each.appearance[:, 0] = level + 1e-4 * rng.normal(size=len(each))
    brightness = {
        each.direction: each for each in findings(*stable, Rules(), nearest=True) if each.name == "brightness"
    }
    assert brightness["lower"].p_holm < 1e-9
    assert brightness["lower"].effect == 1.0
    assert brightness["lower"].change == pytest.approx(-0.01, abs=1e-3)
    assert not brightness["lower"].drifted


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_defects_of_any_kind_are_no_drift(share: float) -> None:
    rng = np.random.default_rng(3)
    training, today = drawn(rng, 300), drawn(rng, 200)
    spoilt = int(share * 200)
    today.scores[:spoilt] *= 3
    today.pooled[:spoilt] += 8
    today.appearance[:spoilt] *= 0.5
    assert drifted(findings(training, today, Rules(), nearest=True)) == set()


def test_scores_that_fell_as_they_do_with_more_images_have_not_fallen() -> None:
    rng = np.random.default_rng(4)
    training, today = drawn(rng, 300), drawn(rng, 100)
    fallen = Sample(today.scores * 0.93)
    assert drifted(findings(Sample(training.scores), fallen, Rules(), nearest=True)) == set()
    assert drifted(findings(Sample(training.scores), Sample(today.scores * 0.7), Rules(), nearest=True)) == {
        ("score", "lower")
    }
    assert drifted(findings(Sample(training.scores), Sample(today.scores * 1.3), Rules(), nearest=True)) == {
        ("score", "higher")
    }


def test_scores_of_no_bank_are_not_tested_for_being_lower() -> None:
    rng = np.random.default_rng(9)
    training, today = Sample(drawn(rng, 300).scores), drawn(rng, 100)
    assert drifted(findings(training, Sample(today.scores * 0.7), Rules(), nearest=False)) == set()
    assert drifted(findings(training, Sample(today.scores * 1.3), Rules(), nearest=False)) == {
        ("score", "higher")
    }


def test_what_one_side_does_not_know_is_not_tested() -> None:
    rng = np.random.default_rng(5)
    training, today = drawn(rng, 50), drawn(rng, 20)
    assert {each.name for each in findings(Sample(training.scores), today, Rules(), nearest=True)} == {
        "score"
    }
    grey = [changed(changed(each, "saturation", 0), "warmth", 0) for each in (training, today)]
    names = {each.name for each in findings(*grey, Rules(), nearest=True)}
    assert names == {"score", "look", *NAMES} - {"saturation", "warmth"}


def test_colour_where_there_was_none_is_drift() -> None:
    rng = np.random.default_rng(6)
    training, today = changed(drawn(rng, 50), "saturation", 0), drawn(rng, 20)
    assert ("saturation", "higher") in drifted(findings(training, today, Rules(), nearest=True))


def test_figures_that_are_missing_for_some_images_are_left_out() -> None:
    rng = np.random.default_rng(7)
    training, today = drawn(rng, 50), drawn(rng, 20)
    training.appearance[3] = np.nan
    tests = findings(training, today, Rules(), nearest=True)
    assert all(np.isfinite([each.p_value, each.effect]).all() for each in tests)


def test_too_few_images_are_refused() -> None:
    rng = np.random.default_rng(8)
    training, today = drawn(rng, 20), drawn(rng, 20)
    with pytest.raises(ImagesError, match="1 image against 20 of training: too few"):
        findings(training, drawn(rng, 1), Rules(), nearest=True)
    with pytest.raises(ImagesError, match="too few"):
        findings(drawn(rng, 2), drawn(rng, 3), Rules(), nearest=True)
    assert findings(training, today, Rules(), nearest=True)


def test_the_level_can_always_be_reached() -> None:
    for level in (0.0005, 0.01, 0.5):
        assert 19 / (Rules(level=level).permutations + 1) < level


@pytest.mark.parametrize(
    "wrong", [{"level": 0.0}, {"level": 0.9}, {"tolerated": -0.1}, {"tolerated": 0.6}, {"effect": 1.0}]
)
def test_rules_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is"):
        Rules(**wrong)
