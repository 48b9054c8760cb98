"""Figures of an image: each says what it should, and stays what it is when something else changes."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageFilter
from scipy import ndimage

from patchsieve.images import STATISTICS, measure_appearance

NAMES = [each.name for each in STATISTICS]
Pixels = npt.NDArray[np.uint8]


def measured(pixels: Pixels) -> dict[str, float]:
    return dict(zip(NAMES, measure_appearance(pixels).tolist(), strict=True))


@pytest.fixture
def photograph() -> Pixels:
    """A soft, coloured picture that leaves room for more light and for less."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 160, (12, 16, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC))


def test_figures_are_those_of_plain_formulas(photograph: Pixels) -> None:
    colours = photograph / 255
    luma = colours @ [0.299, 0.587, 0.114]
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    laplacian = ndimage.convolve(luma, kernel)[1:-1, 1:-1]
    red, green, blue = colours.mean(axis=(0, 1))
    found = measured(photograph)
    assert found["brightness"] == pytest.approx(luma.mean(), rel=1e-5)
    assert found["contrast"] == pytest.approx(luma.std() / luma.mean(), rel=1e-4)
    assert found["sharpness"] == pytest.approx(laplacian.var() / luma.var(), rel=1e-3)
    assert found["warmth"] == pytest.approx((red - blue) / (red + blue), abs=1e-5)
    assert found["tint"] == pytest.approx((2 * green - red - blue) / (2 * green + red + blue), abs=1e-5)
    spread = colours.max(axis=2).sum() - colours.min(axis=2).sum()
    assert found["saturation"] == pytest.approx(spread / colours.max(axis=2).sum(), rel=1e-4)


def test_less_light_changes_the_brightness_and_nothing_else(photograph: Pixels) -> None:
    # Grain, beside which the rounding of the darker picture is nothing.
    grain = np.random.default_rng(1).normal(0, 8, photograph.shape)
    photograph = (photograph + grain).clip(0, 255).astype(np.uint8)
    dark = (photograph * 0.7).round().astype(np.uint8)
    before, after = measured(photograph), measured(dark)
    assert after["brightness"] == pytest.approx(0.7 * before["brightness"], rel=0.01)
    for name in NAMES[1:]:
        assert after[name] == pytest.approx(before[name], rel=0.02, abs=0.004), name


def test_blur_makes_it_less_sharp(photograph: Pixels) -> None:
    noisy = (
        (photograph + np.random.default_rng(1).normal(0, 5, photograph.shape)).clip(0, 255).astype(np.uint8)
    )
    blurred = np.asarray(Image.fromarray(noisy).filter(ImageFilter.GaussianBlur(1)))
    assert measured(blurred)["sharpness"] < 0.5 * measured(noisy)["sharpness"]
    assert measured(noisy)["sharpness"] > measured(photograph)["sharpness"]


def test_the_centre_goes_with_the_part() -> None:
    picture = np.full((100, 200, 3), 30, np.uint8)
    picture[20:40, 50:70] = 200
    found = measured(picture)
    assert (found["edges_x"], found["edges_y"]) == (
        pytest.approx(60 / 200, abs=0.015),
        pytest.approx(0.3, abs=0.015),
    )
    moved = measured(np.roll(picture, (10, 20), axis=(0, 1)))
    assert moved["edges_x"] - found["edges_x"] == pytest.approx(0.1, abs=0.01)
    assert moved["edges_y"] - found["edges_y"] == pytest.approx(0.1, abs=0.01)


def test_a_level_edge_does_not_hide_that_an_upright_one_has_moved() -> None:
    picture = np.full((120, 200, 3), 30, np.uint8)
    picture[50:60] = 230
    upright, moved = picture.copy(), picture.copy()
    upright[:, 80:84], moved[:, 90:94] = 120, 120
    before, after = measured(upright), measured(moved)
    assert after["edges_x"] - before["edges_x"] == pytest.approx(10 / 200, abs=0.003)
    assert after["edges_y"] == before["edges_y"]


def test_focus_and_noise_do_not_move_the_part() -> None:
    picture = np.full((200, 300, 3), 60, np.uint8)
    picture[60:120, 40:140] = 180
    noisy = (picture + np.random.default_rng(0).normal(0, 6, (200, 300, 1))).clip(0, 255).astype(np.uint8)
    before = measured(picture)
    for other in (noisy, np.asarray(Image.fromarray(noisy).filter(ImageFilter.GaussianBlur(2)))):
        after = measured(other)
        for name in ("edges_x", "edges_y"):
            assert after[name] == pytest.approx(before[name], abs=0.01)


def test_a_grey_picture_has_no_colour(photograph: Pixels) -> None:
    found = measured(np.repeat(photograph[..., :1], 3, axis=2))
    assert (found["saturation"], found["warmth"]) == (0, 0)
    assert found["tint"] == pytest.approx(0, abs=1e-6)


def test_a_large_picture_has_the_figures_of_its_reduction(photograph: Pixels) -> None:
    large = np.asarray(Image.fromarray(photograph).resize((1600, 1200), Image.Resampling.BICUBIC))
    small = np.asarray(Image.fromarray(large).reduce(3))
    np.testing.assert_array_equal(measure_appearance(large), measure_appearance(small))


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7), st.just(3))))
def test_every_picture_has_figures(pixels: Pixels) -> None:
    found = measure_appearance(pixels)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    by_name = measured(pixels)
    assert all(0 <= by_name[name] <= 1.00001 for name in ("brightness", "saturation", "edges_x", "edges_y"))
    assert all(-1.00001 <= by_name[name] <= 1.00001 for name in ("warmth", "tint"))
