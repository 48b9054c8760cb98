"""The colours of the pages, as the style sheet has them: contrast, and verdicts apart for every colour vision."""

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

Theme = dict[str, str]
Vector = npt.NDArray[np.float64]

SHEET = files("patchsieve.station.pages").joinpath("static/css/theme.css").read_text(encoding="utf-8")
# Machado, Oliveira and Fernandes (2009), doi:10.1109/TVCG.2009.113, severity 1, on linear RGB.
VISION = {
    "all cones": np.eye(3),
    "no long waves": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no middle waves": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "no short waves": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
# Colours that stand on each other as text.
PAIRS = [
    ("ink", "paper"),
    ("ink", "surface"),
    ("ink", "sunken"),
    ("ink-soft", "paper"),
    ("ink-soft", "surface"),
    ("ink-soft", "sunken"),
    ("accent", "surface"),
    ("accent", "paper"),
    ("on-accent", "accent"),
    ("ink", "accent-soft"),
    *((f"on-{verdict}", verdict) for verdict in ("good", "defect", "review")),
    *((f"{verdict}-ink", f"{verdict}-soft") for verdict in ("good", "defect", "review")),
]


def themes() -> dict[str, Theme]:
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", SHEET)
    return {
        "light": {name: light for name, light, _ in found},
        "dark": {name: dark for name, _, dark in found},
    }


THEMES = themes()
each_theme = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)


def linear(colour: str) -> Vector:
    share = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.asarray(np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours by WCAG 2.2."""
    low, high = sorted(float(linear(colour) @ (0.2126, 0.7152, 0.0722)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: Vector) -> Vector:
    """Return linear sRGB as CIE L*a*b* under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
        for value in (to_xyz @ rgb) / (0.9505, 1.0, 1.089)
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@each_theme
@pytest.mark.parametrize(("text", "ground"), PAIRS, ids=lambda name: name)
def test_text_is_read_on_its_ground(theme: Theme, text: str, ground: str) -> None:
    assert contrast(theme[text], theme[ground]) >= 4.5


@each_theme
def test_edges_and_the_focus_are_seen(theme: Theme) -> None:
    for line in ("edge", "accent", "good", "defect", "review"):
        for ground in ("paper", "surface"):
            assert contrast(theme[line], theme[ground]) >= 3, (line, ground)


@each_theme
@pytest.mark.parametrize("vision", VISION)
def test_verdicts_differ_for_every_kind_of_colour_vision(theme: Theme, vision: str) -> None:
    matrix = np.array(VISION[vision])
    seen = {
        verdict: lab((matrix @ linear(theme[verdict])).clip(0, 1)) for verdict in ("good", "defect", "review")
    }
    for one, other in combinations(seen, 2):
        # 2.3 is just noticed; this is another colour.
        assert np.linalg.norm(seen[one] - seen[other]) > 25, (one, other)


def test_black_on_white_is_the_most_there_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.1)
