"""Named operating points, and the band that people look at."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.decisions import (
    OperatingPoint,
    OperatingPoints,
    Purpose,
    false_alarm_threshold,
    labelled_threshold,
    review_band,
)
from patchsieve.errors import ConfigError

SCORES = np.random.default_rng(0).gamma(9, size=300)


def some() -> OperatingPoints:
    labels = np.arange(40) < 20
    found = labelled_threshold(labels, np.where(labels, 20, 5) + np.arange(40), Purpose("recall", 0.9))
    return (
        OperatingPoints.only(OperatingPoint.for_false_alarms("default", SCORES, 0.01))
        .with_point(OperatingPoint.for_purpose("screening", Purpose("recall", 0.9), found))
        .with_point(OperatingPoint.at("mine", 17.0))
    )


def test_points_survive_json() -> None:
    points = some()
    again = OperatingPoints.restored({"operating_points": json.loads(json.dumps(points.header()))})
    assert json.dumps(again.header()) == json.dumps(points.header())
    assert again["screening"].threshold == points["screening"].threshold
    assert again["default"].words == points["default"].words


def test_an_older_file_has_one_point() -> None:
    points = OperatingPoints.restored({"threshold": 3.5})
    assert [(point.name, point.threshold) for point in points] == [("default", 3.5)]
    assert points[None].false_alarms is None


def test_points_are_found_replaced_and_chosen() -> None:
    points = some()
    assert points[None].name == "default"
    assert points.using("mine")[None].threshold == 17
    assert len(points.with_point(OperatingPoint.at("mine", 18.0))) == 3
    assert points.with_point(OperatingPoint.at("mine", 18.0))["mine"].threshold == 18
    with pytest.raises(ConfigError, match="no operating point 'x'; it has default, screening, mine"):
        points.using("x")


def test_a_changed_model_moves_only_what_follows_from_training_scores() -> None:
    points = some()
    moved = points.recalibrated(2 * SCORES)
    assert moved["default"].threshold == pytest.approx(2 * points["default"].threshold, rel=1e-3)
    assert moved["screening"] == points["screening"]
    assert moved["mine"] == points["mine"]


@pytest.mark.parametrize(
    ("name", "value"), [("", 1.0), (" a", 1.0), ("a", float("nan")), ("a", float("inf"))]
)
def test_what_is_no_point(name: str, value: float) -> None:
    with pytest.raises(ConfigError):
        OperatingPoint.at(name, value)


@settings(max_examples=8, deadline=None)
@given(share=st.floats(0.04, 0.5))
def test_the_band_below_the_threshold_holds_the_share_asked_for(share: float) -> None:
    threshold = false_alarm_threshold(SCORES, 0.05).threshold
    low, high = review_band(SCORES, threshold, share)
    assert high == threshold
    inside = [low < score <= high for score in SCORES]
    assert np.mean(inside) == pytest.approx(share, abs=0.01)


def test_the_interval_reaches_around_the_threshold_and_shrinks_with_more_images() -> None:
    widths = []
    for count in (40, 300, 3000):
        scores = np.random.default_rng(1).gamma(9, size=count)
        threshold = false_alarm_threshold(scores, 0.05).threshold
        low, high = review_band(scores, threshold, "interval")
        assert low < threshold < high
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)


def test_text_is_a_share_too() -> None:
    assert review_band(SCORES, 15.0, "0.1") == review_band(SCORES, 15.0, 0.1)
    assert review_band(SCORES, 0.5, 0.1) == (0.0, 0.5)


@pytest.mark.parametrize("share", ["much", "1", 0.0, -0.1, "nan", 1.5])
def test_what_is_no_share(share: float | str) -> None:
    with pytest.raises(ConfigError, match=r"such as 0.05, or interval"):
        review_band(SCORES, 15.0, share)
