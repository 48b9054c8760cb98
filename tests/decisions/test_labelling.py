"""The labels of regions against SciPy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from patchsieve.decisions.labelling import label_regions


def agree(mask):
    labels, windows = label_regions(mask)
    expected, count = ndimage.label(mask, np.ones((3, 3)))
    # The same regions; numbered by their first cell, which SciPy's are only where no two of them join late.
    assert len(windows) == count
    pairs = {(int(ours), int(theirs)) for ours, theirs in zip(labels.flat, expected.flat, strict=True)}
    assert len(pairs) == count + (not mask.all())
    first_cells = [int(np.flatnonzero(labels.ravel() == number)[0]) for number in range(1, count + 1)]
    assert first_cells == sorted(first_cells)
    assert windows == ndimage.find_objects(labels, count)


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans()))
def test_any_mask(mask):
    agree(mask)


def test_large_noise_near_the_threshold_where_regions_wind_most():
    for seed, share in enumerate((0.3, 0.4, 0.45, 0.6)):
        agree(np.random.default_rng(seed).random((150, 140)) < share)


def test_a_spiral_is_one_region():
    spiral = np.zeros((41, 41), dtype=bool)
    for ring in range(0, 20, 2):
        spiral[ring, ring : 41 - ring] = spiral[ring : 41 - ring, 40 - ring] = True
        spiral[40 - ring, ring : 41 - ring] = spiral[ring + 2 : 41 - ring, ring] = True
        spiral[ring + 2, ring : ring + 2] = True
    agree(spiral)
    assert label_regions(spiral)[1] == [(slice(0, 41), slice(0, 41))]
