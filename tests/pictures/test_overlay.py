"""Overlays on maps made so that every pixel's colour is known beforehand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import colormaps

from patchsieve.pictures import ColourScale, heat_map, outline, overlay, place_map

SCALE = ColourScale(low=1.0, high=5.0)


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def whole(pixels: np.ndarray) -> tuple[float, float, float, float]:
    return (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))


def test_the_threshold_sits_in_the_middle_of_the_scale() -> None:
    scale = ColourScale.from_training(typical=1.0, threshold=3.0)
    assert (scale.low, scale.high) == (1.0, 5.0)
    np.testing.assert_allclose(scale.positions(np.array([0.0, 1.0, 3.0, 5.0, 99.0])), [0, 0, 0.5, 1, 1])


@pytest.mark.parametrize("threshold", [0.5, 0.0, -3.0])
def test_a_threshold_below_normal_surface_still_gets_a_scale(threshold) -> None:
    scale = ColourScale.from_training(typical=2.0, threshold=threshold)
    assert scale.positions(np.array([threshold])) == pytest.approx(0.5)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (np.nan, 1.0), (0.0, np.inf)])
def test_a_scale_without_extent_is_refused(low, high) -> None:
    with pytest.raises(ValueError, match="finite low < high"):
        ColourScale(low, high)


def test_heat_map_goes_from_dark_to_bright_and_greys_what_nobody_saw() -> None:
    colours = heat_map(np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0, np.nan]], np.float32), SCALE)
    brightness = colours[0, :7].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert brightness[0] == brightness[1] < 5
    assert (np.diff(brightness[1:6]) > 0).all()
    assert brightness[5] == brightness[6] > 230
    assert len(set(colours[0, 7])) == 1


def test_heat_map_has_the_colours_of_inferno() -> None:
    positions = np.linspace(0, 1, 256)
    colours = heat_map(positions[None].astype(np.float32), ColourScale(0.0, 1.0))[0]
    expected = np.round(255 * colormaps["inferno"](positions)[:, :3])
    assert np.abs(colours - expected).max() <= 2


def test_equal_scores_get_equal_colours_whatever_else_is_on_the_map() -> None:
    alone = heat_map(np.array([[2.0]], np.float32), SCALE)
    beside = heat_map(np.array([[2.0, 50.0]], np.float32), SCALE)
    assert (alone[0, 0] == beside[0, 0]).all()


def test_a_normal_image_looks_normal() -> None:
    pixels = picture()
    # Noise up to the low end of the scale: a scale per map would have painted it in all colours.
    normal = np.random.default_rng(1).random((10, 15), np.float32)
    np.testing.assert_array_equal(overlay(pixels, normal, SCALE, whole(pixels)), pixels)


def test_scores_a_little_above_typical_hardly_tint_the_image() -> None:
    pixels = picture()
    slight = np.full((10, 15), 1.4, np.float32)  # a fifth of the way to the threshold
    difference = overlay(pixels, slight, SCALE, whole(pixels)).astype(int) - pixels
    assert np.abs(difference).max() <= 0.7 * 0.2**2 * 255 + 1


def test_a_defect_takes_the_colour_of_the_map() -> None:
    pixels = np.full((8, 8, 3), 100, np.uint8)
    hot = np.full((2, 2), 5.0, np.float32)
    expected = np.round(0.3 * 100 + 0.7 * heat_map(hot, SCALE)[0, 0])
    np.testing.assert_array_equal(overlay(pixels, hot, SCALE, whole(pixels))[3, 3], expected)


def test_the_map_lies_exactly_in_its_box() -> None:
    # One hot cell of a 4 x 4 map over the box (10, 20)-(30, 40): each cell is 5 x 5 pixels, and the cell in
    # row 1, column 2 has its centre pixel at x = 22, y = 27.
    anomaly_map = np.zeros((4, 4), np.float32)
    anomaly_map[1, 2] = 8.0
    placed = place_map(anomaly_map, (10.0, 20.0, 30.0, 40.0), 50, 45)
    assert np.unravel_index(np.nanargmax(placed), placed.shape) == (27, 22)
    assert placed[27, 22] == 8.0
    assert placed[27, 27] == 0.0
    # Half-way between two centres, half of the value.
    assert placed[27, 24] == pytest.approx(8.0 * 3 / 5)
    seen = ~np.isnan(placed)
    rows, columns = np.nonzero(seen)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 39, 10, 29)
    assert seen.sum() == 20 * 20


def test_a_pixel_belongs_to_a_fractional_box_when_its_centre_does() -> None:
    placed = place_map(np.ones((3, 3), np.float32), (1.5, 0.6, 4.4, 3.0), 4, 6)
    assert np.nonzero(~np.isnan(placed[1]))[0].tolist() == [1, 2, 3]
    assert np.nonzero(~np.isnan(placed[:, 2]))[0].tolist() == [1, 2]


def bilinear(anomaly_map, box, y, x) -> float:
    """Value at the centre of pixel (y, x), one pixel at a time, from the definition."""
    left, top, right, bottom = box
    height, width = anomaly_map.shape
    v = min(max((y + 0.5 - top) / (bottom - top) * height - 0.5, 0), height - 1)
    u = min(max((x + 0.5 - left) / (right - left) * width - 0.5, 0), width - 1)
    j, i = int(v), int(u)
    below, beside = min(j + 1, height - 1), min(i + 1, width - 1)
    upper = anomaly_map[j, i] * (1 - (u - i)) + anomaly_map[j, beside] * (u - i)
    lower = anomaly_map[below, i] * (1 - (u - i)) + anomaly_map[below, beside] * (u - i)
    return upper * (1 - (v - j)) + lower * (v - j)


@given(
    cells=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    start=st.tuples(st.floats(0, 5), st.floats(0, 5)),
    extent=st.tuples(st.floats(4, 15), st.floats(4, 15)),
)
@settings(max_examples=40, deadline=None)
def test_placing_agrees_with_bilinear_interpolation_pixel_by_pixel(cells, start, extent) -> None:
    anomaly_map = np.random.default_rng(0).random(cells, np.float32)
    box = (start[0], start[1], start[0] + extent[0], start[1] + extent[1])
    placed = place_map(anomaly_map, box, 12, 14)
    for y, x in np.argwhere(~np.isnan(placed)):
        assert placed[y, x] == pytest.approx(bilinear(anomaly_map, box, y, x), abs=1e-5)


def test_what_lies_outside_the_box_is_veiled_and_the_inside_is_not() -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    drawn = overlay(pixels, np.zeros((4, 4), np.float32), SCALE, (5.0, 5.0, 15.0, 15.0))
    assert (drawn[5:15, 5:15] == 0).all()
    drawn[5:15, 5:15] = 100
    assert (drawn == 100).all()


def test_an_outline_surrounds_the_region_and_leaves_it_visible() -> None:
    pixels = picture(12, 12)
    mask = np.zeros((12, 12), bool)
    mask[4:7, 5:9] = True
    drawn = outline(pixels, mask, (1, 2, 3), width=1)
    ring = (drawn == (1, 2, 3)).all(axis=2)
    expected = np.zeros((12, 12), bool)
    expected[3:8, 4:10] = True
    np.testing.assert_array_equal(ring, expected & ~mask)
    np.testing.assert_array_equal(drawn[~ring], pixels[~ring])


def test_an_outline_leaves_its_input_alone_and_needs_the_same_size() -> None:
    pixels = picture(6, 6)
    before = pixels.copy()
    outline(pixels, np.eye(6, dtype=bool), (0, 0, 0))
    np.testing.assert_array_equal(pixels, before)
    with pytest.raises(ValueError, match="the mask is"):
        outline(pixels, np.zeros((5, 6), bool), (0, 0, 0))
