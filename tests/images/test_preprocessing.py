"""The model's input against Pillow's resize, and the geometry between image and model frame."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from patchsieve.errors import ConfigError
from patchsieve.images.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

Pixels = npt.NDArray[np.uint8]


def photograph(height: int, width: int, seed: int = 0) -> Pixels:
    """Smooth structure with fine noise on it, so that antialiasing matters."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height)), dtype=np.float64)
    return np.clip(smooth + rng.normal(0, 30, smooth.shape), 0, 255).astype(np.uint8)


def grey_levels(tensor: torch.Tensor, preprocessing: Preprocessing) -> npt.NDArray[np.float64]:
    """Undo the normalisation: `[h, w, 3]` on the scale 0 to 255."""
    values = tensor.permute(1, 2, 0).double().numpy()
    return np.asarray((values * preprocessing.std + preprocessing.mean) * 255.0)


@pytest.mark.parametrize(
    "shape", [(512, 512), (300, 800), (840, 310), (256, 256), (100, 120), (16, 16), (3, 700)]
)
def test_pixels_are_pillows_antialiased_ones_within_a_grey_level(shape: tuple[int, int]) -> None:
    pixels = photograph(*shape)
    preprocessing = Preprocessing()
    tensor = preprocessing(pixels)
    assert tensor.dtype == torch.float32
    assert tensor.shape == (3, 224, 224)
    resized = Image.fromarray(pixels).resize((256, 256), Image.Resampling.BILINEAR)
    expected = np.asarray(resized, dtype=np.float64)[16:240, 16:240]
    assert abs(grey_levels(tensor, preprocessing) - expected).max() <= 1.0


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    size=st.tuples(st.integers(32, 90), st.integers(32, 90)),
    margin=st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_any_shape_fits_any_frame(
    height: int, width: int, size: tuple[int, int], margin: tuple[int, int]
) -> None:
    crop = (max(32, size[0] - margin[0]), max(32, size[1] - margin[1]))
    preprocessing = Preprocessing(size, crop)
    pixels = photograph(height, width)
    resized = Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    top, left = (size[0] - crop[0]) // 2, (size[1] - crop[1]) // 2
    expected = np.asarray(resized, dtype=np.float64)[top : top + crop[0], left : left + crop[1]]
    assert preprocessing.frame == crop
    assert abs(grey_levels(preprocessing(pixels), preprocessing) - expected).max() <= 1.5


@pytest.mark.parametrize("shape", [(256, 40), (257, 300), (900, 620)])
def test_a_large_image_resized_in_strips_is_the_one_resized_at_once(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    whole = torch.nn.functional.interpolate(image, (96, 64), mode="bilinear", antialias=True)[0]
    found = Preprocessing((96, 64), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))(pixels)
    assert torch.equal(found, whole / 255.0)


def test_an_image_of_the_right_size_is_only_cropped_and_normalised() -> None:
    pixels = photograph(256, 256)
    expected = (pixels[16:240, 16:240] / 255.0 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(Preprocessing()(pixels), expected.transpose(2, 0, 1), rtol=1e-5, atol=1e-6)


def test_without_a_crop_the_whole_image_is_the_frame() -> None:
    preprocessing = Preprocessing((64, 96), None)
    assert preprocessing.frame == (64, 96)
    assert preprocessing(photograph(10, 10)).shape == (3, 64, 96)
    assert preprocessing.box(128, 480) == (0, 0, 480, 128)
    mask = np.zeros((64, 96), dtype=bool)
    mask[3:9, 40:50] = True
    np.testing.assert_array_equal(preprocessing.mask(mask), mask)


def test_the_backbones_own_statistics_are_used() -> None:
    preprocessing = Preprocessing((32, 32), None, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    white = preprocessing(np.full((32, 32, 3), 255, dtype=np.uint8))
    np.testing.assert_allclose(white[:, 0, 0], [0.9, 0.4, 0.175], rtol=1e-6)


def test_pixels_that_may_not_be_written_to_are_taken_and_left_alone() -> None:
    pixels = photograph(40, 40)
    before = pixels.copy()
    pixels.flags.writeable = False
    Preprocessing((32, 32), None)(pixels)
    np.testing.assert_array_equal(pixels, before)


def test_the_box_is_the_part_of_the_image_that_the_crop_leaves() -> None:
    # 256 to 224 cuts 1/16 off every side.
    assert Preprocessing().box(1600, 3200) == (200.0, 100.0, 3000.0, 1500.0)
    assert Preprocessing().box(256, 256) == (16.0, 16.0, 240.0, 240.0)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 2000),
    width=st.integers(1, 2000),
    crop=st.tuples(st.integers(32, 64), st.integers(32, 80)),
)
def test_the_box_lies_in_the_image(height: int, width: int, crop: tuple[int, int]) -> None:
    left, top, right, bottom = Preprocessing((64, 80), crop).box(height, width)
    assert 0 <= left < right <= width * (1 + 1e-12)
    assert 0 <= top < bottom <= height * (1 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 120),
    width=st.integers(1, 120),
    crop=st.tuples(st.integers(32, 64), st.integers(32, 80)),
)
def test_a_frame_pixel_takes_the_mask_value_at_its_centre(
    height: int, width: int, crop: tuple[int, int]
) -> None:
    preprocessing = Preprocessing((64, 80), crop)
    mask = np.random.default_rng(0).random((height, width)) > 0.5
    framed = preprocessing.mask(mask)
    assert framed.dtype == np.bool_
    assert framed.shape == crop
    top, left = (64 - crop[0]) // 2, (80 - crop[1]) // 2
    for y in range(0, crop[0], 7):
        for x in range(0, crop[1], 7):
            row, column = (top + y + 0.5) * height / 64, (left + x + 0.5) * width / 80
            # A centre on the line between two pixels may fall to either.
            near = {
                (int(row + nudge), int(column + other)) for nudge in (-1e-9, 1e-9) for other in (-1e-9, 1e-9)
            }
            assert framed[y, x] in {mask[place] for place in near}


def test_a_mask_lies_where_its_defect_lies_in_the_input() -> None:
    pixels = np.zeros((300, 500, 3), dtype=np.uint8)
    pixels[90:210, 100:260] = 255
    preprocessing = Preprocessing()
    bright = preprocessing(pixels)[0] > (0.5 - preprocessing.mean[0]) / preprocessing.std[0]
    assert (bright.numpy() == preprocessing.mask(pixels[:, :, 0] > 0)).mean() > 0.995


@pytest.mark.parametrize(
    ("size", "crop", "said"),
    [
        ((256, 256), (300, 300), r"crop \(300, 300\).*\(256, 256\)"),
        ((256, 200), (224, 224), r"crop \(224, 224\).*\(256, 200\)"),
        ((16, 16), None, r"image size \(16, 16\) is too small"),
        ((256, 31), None, "too small"),
        ((64, 64), (16, 16), r"crop \(16, 16\).*at least 32"),
    ],
)
def test_sizes_that_cannot_work_are_said(
    size: tuple[int, int], crop: tuple[int, int] | None, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        Preprocessing(size, crop)
