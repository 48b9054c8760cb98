"""Pixel thresholds from masks, against counts by NumPy."""

import numpy as np
import pytest

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.evaluation import best_f1_threshold, evaluate, false_positive_threshold, outlining


@pytest.fixture(scope="module")
def evaluation(fitted, labelled):
    return evaluate(fitted, labelled)


@pytest.fixture(scope="module")
def pixels(evaluation):
    return np.stack(evaluation.result.maps), np.stack(evaluation.masks)


def f1(maps, masks, threshold):
    found = maps > threshold
    return 2 * (found & masks).sum() / (found.sum() + masks.sum())


def test_no_other_threshold_has_a_better_f1(evaluation, pixels):
    best = f1(*pixels, best_f1_threshold(evaluation))
    others = np.quantile(pixels[0], np.linspace(0, 1, 200))
    assert max(f1(*pixels, other) for other in others) <= best
    assert outlining(evaluation, best_f1_threshold(evaluation)).f1 == pytest.approx(best)


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.01, 0.3])
def test_no_more_good_pixels_are_outlined_than_asked_for(evaluation, pixels, rate):
    maps, masks = pixels
    good = maps[~masks]
    threshold = false_positive_threshold(evaluation, rate)
    assert (good > threshold).mean() <= rate
    # The next lower one would outline too many.
    assert (good >= threshold).mean() > rate
    assert outlining(evaluation, threshold).false_positives == pytest.approx((good > threshold).mean())


def test_what_is_said_of_a_threshold_is_what_can_be_counted(evaluation, pixels, fitted):
    maps, masks = pixels
    judged = outlining(evaluation, fitted.pixel_threshold_)
    found = maps > fitted.pixel_threshold_
    assert judged.recall == pytest.approx(found[masks].mean())
    assert judged.precision == pytest.approx(masks[found].mean())
    # Every defective part of this set has one blob.
    defective = masks.any(axis=(1, 2))
    assert judged.touched == pytest.approx((found & masks).any(axis=(1, 2))[defective].mean())
    assert outlining(evaluation, float("inf")).precision is None


def test_what_cannot_be_found_is_said(evaluation, fitted, parts, tmp_path):
    with pytest.raises(ConfigError, match="false positive rate is 1"):
        false_positive_threshold(evaluation, 1.0)
    parts(tmp_path / "set" / "good", 3, first=100)
    parts(tmp_path / "set" / "bad", 0, 2, first=200)
    unmasked = evaluate(fitted, tmp_path / "set")
    with pytest.raises(ImagesError, match="no masks"):
        best_f1_threshold(unmasked)
    assert false_positive_threshold(unmasked, 0.0) == unmasked.result.maps[~unmasked.labels].max()
