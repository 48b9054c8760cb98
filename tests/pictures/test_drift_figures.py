"""The figure of a check for drift: both groups as shares, on one scale, whatever their values."""

import re

import numpy as np
import pytest

from patchsieve.pictures.drift.figures import shares
from patchsieve.pictures.style import BLUE, VERMILLION


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>(?:<!--.*?-->)?([^<]+)</text>", svg)


def test_it_names_both_groups_and_the_threshold() -> None:
    svg = shares(np.arange(30.0), np.arange(5.0), "anomaly score", threshold=40.0)
    assert {"training: 30", "today: 5", "threshold", "anomaly score"} <= set(words(svg))


@pytest.mark.parametrize(("drifted", "colour"), [(True, VERMILLION), (False, BLUE)])
def test_drift_has_the_colour_of_an_alarm(drifted: bool, colour: str) -> None:
    svg = shares(np.arange(30.0), np.arange(9.0), "brightness", drifted=drifted)
    assert colour.lower() in svg.lower()


@pytest.mark.parametrize("values", [np.zeros(4), np.array([0.0, 0, 0, 1e30]), np.array([-1e-30, 1e-30, 5.0])])
def test_any_values_can_be_drawn(values: np.ndarray) -> None:
    assert shares(values, values[:1], "sharpness").startswith("<svg")


def test_equal_figures_are_equal_bytes() -> None:
    assert shares(np.arange(9.0), np.arange(4.0), "tint") == shares(np.arange(9.0), np.arange(4.0), "tint")
