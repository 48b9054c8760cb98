"""Regions against slow twins: labels counted by NumPy, and polygons rasterised back by a rule of their own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from patchsieve.decisions import find_regions, one_ring, polygon_area


def inside(ring, height, width):
    """Say of each pixel of an image whether its centre is inside a ring, by the even-odd rule: bool `[H, W]`."""
    y, x = np.mgrid[:height, :width] + 0.5
    odd = np.zeros((height, width), dtype=bool)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y0 != y1:
            crossed = (y0 <= y) != (y1 <= y)
            odd ^= crossed & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    return odd


def rasterised(region, height, width):
    """Return the pixels of a region, holes left out."""
    drawn = np.zeros((height, width), dtype=bool)
    for outer, *holes in region.polygons:
        part = inside(outer, height, width)
        for hole in holes:
            part &= ~inside(hole, height, width)
        drawn |= part
    return drawn


def smooth_map(seed, shape, sigma=2.0):
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma).astype(np.float32)


def same_size(anomaly_map, threshold, **options):
    """Find regions where each cell of the map is one pixel of the image."""
    height, width = anomaly_map.shape
    return find_regions(anomaly_map, (0.0, 0.0, width, height), (height, width), threshold, **options)


def test_a_calm_map_has_no_regions():
    assert same_size(np.ones((5, 6), np.float32), 1.0) == ()


def test_one_region_by_hand():
    anomaly_map = np.zeros((6, 8), np.float32)
    anomaly_map[2:4, 3:6] = 2.0
    anomaly_map[3, 5] = 4.0
    (region,) = same_size(anomaly_map, 1.0)
    # Halfway between a cell of 2 and one of 0 the map is 1; next to the cell of 4 it is 1 three quarters of the way.
    assert region.box == (3.0, 2.0, 6.25, 4.25)
    assert region.peak == (5, 3)
    assert region.peak_score == 4.0
    assert region.mean_score == pytest.approx(14 / 6)
    assert region.area == pytest.approx(6.0, abs=0.6)
    assert len(region.polygons) == 1


@given(
    arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.sampled_from([-3.0, 0.0, 0.5, 40.0])
)
def test_any_cells_come_back_from_their_outlines(cells, threshold):
    """Whatever lies in the map, corners and borders too: the rings hold the centres of the cells above, no other."""
    anomaly_map = np.where(cells, threshold + 1, threshold - 1).astype(np.float32)
    regions = same_size(anomaly_map, threshold)
    labels, count = ndimage.label(cells, np.ones((3, 3)))
    assert len(regions) == count
    drawn = [rasterised(region, *cells.shape) for region in regions]
    assert np.array_equal(sum(drawn, np.zeros(cells.shape, int)), cells.astype(int))
    for region, pixels in zip(regions, drawn, strict=True):
        number = labels[region.peak[1], region.peak[0]]
        assert np.array_equal(pixels, labels == number)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), quantile=st.floats(0.5, 0.99))
def test_outlines_of_smooth_maps_are_their_thresholded_pixels(seed, quantile):
    anomaly_map = smooth_map(seed, (40, 50))
    threshold = float(np.quantile(anomaly_map, quantile))
    regions = same_size(anomaly_map, threshold)
    drawn = np.zeros(anomaly_map.shape, dtype=bool)
    for region in regions:
        own = rasterised(region, 40, 50)
        drawn |= own
        # Half a pixel along its border is what a count of pixels and an area may differ by.
        edge = own.sum() - ndimage.binary_erosion(own).sum()
        assert abs(region.area - own.sum()) <= 0.5 * edge + 1
        assert region.mean_score == pytest.approx(anomaly_map[own].mean(), rel=1e-4)
    assert np.array_equal(drawn, anomaly_map > threshold)
    assert [region.peak_score for region in regions] == sorted(
        (region.peak_score for region in regions), reverse=True
    )


@pytest.mark.parametrize("seed", range(4))
def test_in_a_larger_image_the_outline_is_that_of_the_enlarged_map(seed):
    """The twin enlarges the map to the image first, bilinear, and labels pixels there."""
    height, width, box = 150, 220, (20.0, 15.0, 200.0, 135.0)
    anomaly_map = smooth_map(seed, (40, 60), 3.0)
    threshold = float(np.quantile(anomaly_map, 0.9))
    rows = (np.arange(height) + 0.5 - box[1]) / 3 - 0.5
    columns = (np.arange(width) + 0.5 - box[0]) / 3 - 0.5
    enlarged = ndimage.map_coordinates(
        anomaly_map, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest"
    )
    enlarged[:15], enlarged[135:], enlarged[:, :20], enlarged[:, 200:] = (-np.inf,) * 4
    wanted = enlarged > threshold
    regions = find_regions(anomaly_map, box, (height, width), threshold)
    drawn = np.logical_or.reduce([rasterised(region, height, width) for region in regions])
    # The map is curved between four centres, the outline is straight: they part by less than a pixel.
    assert not (drawn & ~ndimage.binary_dilation(wanted)).any()
    assert not (wanted & ~ndimage.binary_dilation(drawn)).any()
    assert sum(region.area for region in regions) == pytest.approx(wanted.sum(), rel=0.01)
    for region in regions:
        x, y = region.peak
        assert wanted[y, x]
        left, top, right, bottom = region.box
        assert 20 <= left <= x + 1 <= right + 1 <= 201
        assert 15 <= top <= y + 1 <= bottom + 1 <= 136


def test_a_region_at_the_border_reaches_the_edge_of_what_the_model_sees():
    (region,) = find_regions(np.ones((2, 2), np.float32), (10.0, 20.0, 30.0, 60.0), (100, 100), 0.5)
    assert region.box == (10.0, 20.0, 30.0, 60.0)
    assert region.area == pytest.approx(800.0)


def test_a_hole_is_a_ring_of_its_own_and_taken_off_the_area():
    anomaly_map = np.full((9, 9), 2.0, np.float32)
    anomaly_map[3:6, 3:6] = 0.0
    (region,) = same_size(anomaly_map, 1.0)
    ((outer, hole),) = region.polygons
    assert region.area == pytest.approx(polygon_area((outer,)) - polygon_area((hole,)))
    ring = one_ring(region.polygons[0])
    assert polygon_area((ring,)) == pytest.approx(region.area)
    assert np.array_equal(inside(ring, 9, 9), anomaly_map > 1)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_cut_open_any_polygon_keeps_its_area_and_its_pixels(seed):
    anomaly_map = smooth_map(seed, (30, 30), 1.0)
    for region in same_size(anomaly_map, float(np.quantile(anomaly_map, 0.35))):
        rings = [one_ring(polygon) for polygon in region.polygons]
        assert sum(polygon_area((ring,)) for ring in rings) == pytest.approx(region.area)
        drawn = np.logical_or.reduce([inside(ring, 30, 30) for ring in rings])
        assert np.array_equal(drawn, rasterised(region, 30, 30))


def test_small_regions_are_left_out():
    anomaly_map = np.zeros((10, 20), np.float32)
    anomaly_map[4, 3] = anomaly_map[2:8, 10:16] = 2.0
    areas = [region.area for region in same_size(anomaly_map, 1.0)]
    assert len(areas) == 2
    assert [region.area for region in same_size(anomaly_map, 1.0, min_area=min(areas) + 1)] == [max(areas)]
