"""Photographs of the made-up part: exact masks, same seed same bytes, and variation that a line would have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.errors import ConfigError
from patchsieve.images.synthetic import DEFECT_KINDS, render_part
from patchsieve.images.synthetic.rendering import CHANGE, SMALLEST_SHARE, render_clean
from patchsieve.images.synthetic.scene import draw_scene, frame_of

seeds = st.integers(min_value=0, max_value=2**53 - 1)
kinds = st.sampled_from(DEFECT_KINDS)
sizes = st.integers(min_value=64, max_value=160)


def scene_of(seed):
    return draw_scene(np.random.default_rng([seed, 0]))


def saturation(image):
    """Red over blue: high on the orange gasket only."""
    return image[..., 0].astype(int) - image[..., 2].astype(int)


@settings(deadline=None, max_examples=60)
@given(seed=seeds, size=sizes, kind=kinds)
def test_mask_is_exactly_what_the_defect_changes(seed, size, kind):
    sound, nothing, _ = render_clean(seed, size, None)
    damaged, mask, _ = render_clean(seed, size, kind)
    change = np.abs(damaged - sound).max(axis=2)
    assert not nothing.any()
    assert mask.mean() >= SMALLEST_SHARE
    assert (change[mask] > CHANGE).all()
    assert (change[~mask] == 0).all()


@settings(deadline=None, max_examples=30)
@given(seed=seeds, size=sizes, kind=kinds)
def test_photographs_agree_outside_the_mask_even_in_their_noise(seed, size, kind):
    sound, _ = render_part(seed, size)
    damaged, mask = render_part(seed, size, kind)
    assert damaged.shape == (size, size, 3)
    assert damaged.dtype == np.uint8
    assert mask.shape == (size, size)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(damaged[~mask], sound[~mask])
    assert (damaged[mask] != sound[mask]).any(axis=1).mean() > 0.9


@settings(deadline=None, max_examples=40)
@given(seed=seeds, size=sizes, kind=kinds)
def test_defects_lie_on_the_part_or_on_its_edge(seed, size, kind):
    mask = render_part(seed, size, kind)[1]
    frame = frame_of(scene_of(seed), size)
    # A missing piece also lets light onto the conveyor beside it, where the rim's shadow was.
    assert frame.r[mask].max() < 1.12 + 2 * frame.pixel


@pytest.mark.parametrize("kind", [None, *DEFECT_KINDS])
def test_same_seed_gives_the_same_bytes(kind):
    first, second = render_part(11, 96, kind), render_part(11, 96, kind)
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()


def test_sensor_noise_is_no_part_of_the_clean_picture():
    clean, _, scene = render_clean(5, 128, None)
    noise = render_part(5, 128)[0] - clean
    assert abs(noise.mean()) < 0.1
    assert 0.3 * scene.grain < noise.std() < 2 * scene.grain


def test_parts_differ_in_place_light_and_texture():
    images = [render_part(seed, 128)[0] for seed in range(12)]
    gaskets = [np.argwhere(saturation(image) > 60).mean(axis=0) for image in images]
    brightness = [image.mean() for image in images]
    warmth = [image[..., 0].mean() / image[..., 2].mean() for image in images]
    assert np.ptp(gaskets, axis=0).min() > 2.0
    assert np.ptp(brightness) > 5
    assert np.ptp(warmth) > 0.03
    assert len({image.tobytes() for image in images}) == 12


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_the_measured_gasket_is_where_the_scene_says(seed):
    image = render_part(seed, 128)[0]
    row, column = np.argwhere(saturation(image) > 60).mean(axis=0)
    x, y = scene_of(seed).centre
    assert abs((column + 0.5) / 128 - x) < 0.015
    assert abs((row + 0.5) / 128 - y) < 0.015


@settings(deadline=None, max_examples=20)
@given(seed=seeds, size=sizes, u=st.floats(-0.9, 0.9), v=st.floats(-0.9, 0.9))
def test_points_on_the_part_map_to_the_pixels_that_show_them(seed, size, u, v):
    frame = frame_of(scene_of(seed), size)
    x, y = frame.to_image(np.array([[u, v]]))[0]
    row, column = int(y), int(x)
    assert abs(frame.u[row, column] - u) < frame.pixel
    assert abs(frame.v[row, column] - v) < frame.pixel


def test_the_whole_part_stays_inside_a_centre_crop_of_224_in_256():
    for seed in range(300):
        scene = scene_of(seed)
        assert max(abs(c - 0.5) for c in scene.centre) + scene.radius < 0.5 * 224 / 256


@pytest.mark.parametrize("kind", [kind for kind in DEFECT_KINDS if kind != "missing_hole"])
def test_defects_vary_in_size(kind):
    areas = [render_part(seed, 128, kind)[1].sum() for seed in range(8)]
    assert max(areas) > 2 * min(areas)


def test_defects_vary_in_contrast():
    for kind in DEFECT_KINDS:
        contrasts = []
        for seed in range(8):
            damaged, mask, _ = render_clean(seed, 128, kind)
            contrasts.append(np.abs(damaged - render_clean(seed, 128, None)[0])[mask].mean())
        assert max(contrasts) > 1.2 * min(contrasts)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((-1, 128, None), "negative"), ((0, 63, None), "at least 64"), ((0, 128, "rust"), "scratch, dent")],
)
def test_what_cannot_be_rendered_is_said(arguments, words):
    with pytest.raises(ConfigError, match=words):
        render_part(*arguments)
