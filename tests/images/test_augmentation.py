"""Copies that differ: by as much as is said, the same for the same seed, and the mask goes where the image goes."""

import tracemalloc
from math import cos, pi, sin, tan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from patchsieve.errors import BrokenImageError
from patchsieve.images import Augmentation, ImageRecord, content_hash, decode, decode_mask, inspect_images
from patchsieve.images.augmentation import REACHES
from patchsieve.images.collection import ImageSet

MOVING = ("rotation", "affine", "repeat")
KINDS = ("gaussian_noise", "noise_and_blur", *MOVING)


def reflected(index: int, size: int) -> int:
    """Where an index outside an array lies in ...2 1 0 | 0 1 2 ... n | n ... 1 0 ..."""
    index %= 2 * size
    return index if index < size else 2 * size - 1 - index


def moved_slowly(image: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Bilinear interpolation, one pixel after the other."""
    height, width = image.shape[:2]
    result = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            y, x = matrix @ (row, column) + offset
            top, left = int(np.floor(y)), int(np.floor(x))
            for down in (0, 1):
                for right in (0, 1):
                    weight = abs(1 - down - (y - top)) * abs(1 - right - (x - left))
                    value = image[reflected(top + down, height), reflected(left + right, width)]
                    result[row, column] += weight * value
    return result


@given(
    kind=st.sampled_from(MOVING),
    seed=st.integers(0, 2**48),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_a_movement_agrees_with_its_slow_twin(kind: str, seed: int, shape: tuple[int, int]) -> None:
    augmentation = Augmentation(kind, seed)
    image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    matrix, offset = augmentation.movement(*shape)
    expected = moved_slowly(image, matrix, offset)
    assert np.abs(augmentation.on_pixels(image) - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("kind", MOVING)
def test_a_movement_turns_shears_scales_and_shifts_within_reach(kind: str) -> None:
    reach = REACHES[kind]
    height, width = 40, 60
    found = []
    for seed in range(300):
        matrix, offset = Augmentation(kind, seed).movement(height, width)
        forwards = np.linalg.inv(matrix)
        turn = np.arctan2(-forwards[0, 1], forwards[1, 1])
        scale = np.hypot(forwards[0, 1], forwards[1, 1])
        unturned = np.array([[cos(turn), sin(turn)], [-sin(turn), cos(turn)]]) @ forwards / scale
        assert unturned[0] == pytest.approx([1, 0], abs=1e-9)
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        shift = np.linalg.solve(matrix, centre - offset) - centre
        found.append([turn * 180 / pi, unturned[1, 0], scale - 1, *shift / (height, width)])
    furthest = np.abs(found).max(axis=0)
    limits = [reach.degrees, tan(reach.shear * pi / 180), reach.scale, reach.shift, reach.shift]
    assert (furthest <= np.array(limits) + 1e-9).all()
    assert (furthest >= 0.95 * np.array(limits) - 1e-9).all()


@pytest.mark.parametrize("kind", MOVING)
def test_the_mask_goes_where_its_image_goes(kind: str) -> None:
    rows, columns = np.mgrid[:80, :120]
    mask = (rows - 30) ** 2 + (columns - 40) ** 2 < 15**2
    image = np.where(mask, 255, 0).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    overlaps = []
    for seed in range(10):
        augmentation = Augmentation(kind, seed)
        there = augmentation.on_mask(mask)
        shown = augmentation.on_pixels(image)[:, :, 0]
        assert there.dtype == np.bool_
        # Nearest and bilinear part at the edge alone.
        assert (there == (shown > 127)).mean() > 0.995
        overlaps.append((there & mask).sum() / (there | mask).sum())
    assert min(overlaps) < 0.97


def test_what_moves_nothing_leaves_the_mask() -> None:
    mask = np.eye(9, dtype=bool)
    assert Augmentation("gaussian_noise", 3).on_mask(mask) is mask
    assert Augmentation("noise_and_blur", 3).on_mask(mask) is mask


def test_no_border_turns_black() -> None:
    image = np.full((50, 70, 3), 200, np.uint8)
    for kind in MOVING:
        for seed in range(20):
            assert (Augmentation(kind, seed).on_pixels(image) == 200).all()


def test_the_noise_is_as_strong_as_said_and_the_blur_takes_some_away() -> None:
    image = np.full((512, 400, 3), 128, np.uint8)
    noisy = Augmentation("gaussian_noise", 5).on_pixels(image).astype(float) - 128
    assert noisy.mean() == pytest.approx(0, abs=0.1)
    assert noisy.std() == pytest.approx(0.05 * 255, rel=0.01)
    assert abs(np.corrcoef(noisy[:, :, 0].ravel(), noisy[:, :, 1].ravel())[0, 1]) < 0.01
    blurred = Augmentation("noise_and_blur", 5).on_pixels(image).astype(float) - 128
    assert blurred.std() < 0.5 * noisy.std()
    edge = np.zeros((512, 512, 3), np.uint8)
    edge[:, 256:] = 255
    profile = Augmentation("noise_and_blur", 5).on_pixels(edge)[:, :, 0].mean(axis=0)
    # A Gaussian of 1.6 pixels: from 10 to 90 percent takes 2.56 of them.
    width = np.interp([25.5, 229.5], profile[240:272], np.arange(240, 272))
    assert np.diff(width)[0] == pytest.approx(2.56 * 1.6, rel=0.25)


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**48), array=st.integers(1, 200))
def test_the_same_seed_does_the_same(kind: str, seed: int, array: int) -> None:
    image = np.random.default_rng(array).integers(0, 256, (array, 7, 3), dtype=np.uint8)
    before = image.copy()
    once = Augmentation(kind, seed).on_pixels(image)
    assert once.dtype == np.uint8
    assert once.shape == image.shape
    assert once.flags.c_contiguous
    assert once.flags.writeable
    assert np.array_equal(Augmentation(kind, seed).on_pixels(image), once)
    assert np.array_equal(image, before)


def test_what_is_drawn_is_fixed_for_good() -> None:
    """Manifests that were written once must mean the same for ever."""
    drawn = Augmentation.drawn("affine", 3, "ab" * 32, 1)
    assert drawn == Augmentation("affine", DRAWN_SEED)
    assert drawn.key == f"affine:{DRAWN_SEED}:1"
    matrix, offset = drawn.movement(100, 200)
    assert matrix.ravel() == pytest.approx(DRAWN_MATRIX, abs=1e-12)
    assert offset == pytest.approx(DRAWN_OFFSET, abs=1e-9)
    others = [("rotation", 3, "ab" * 32, 1), ("affine", 4, "ab" * 32, 1), ("affine", 3, "ac" * 32, 1)]
    others.append(("affine", 3, "ab" * 32, 2))
    assert len({Augmentation.drawn(*one).seed for one in others} | {drawn.seed}) == 5
    assert (
        Augmentation("gaussian_noise", 7).on_pixels(np.full((1, 2, 3), 100, np.uint8)).ravel().tolist()
        == NOISE
    )


DRAWN_SEED = 268061265435823
DRAWN_MATRIX = (1.0882928341017568, -0.1470464295215626, 0.24590703727606786, 1.0749351247287735)
DRAWN_OFFSET = (17.645055113844847, 3.124829486259401)
NOISE = [119, 85, 115, 77, 90, 113]


def test_a_record_is_decoded_as_its_augmentations_say(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    mask = np.zeros((40, 60), bool)
    mask[5:15, 10:30] = True
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "a_mask.png")
    both = (Augmentation("repeat", 1), Augmentation("rotation", 2))
    plain = ImageRecord("a", tmp_path / "a.png", defective=True, mask=tmp_path / "a_mask.png")
    copy = ImageRecord(
        "b", tmp_path / "a.png", defective=True, mask=tmp_path / "a_mask.png", augmentations=both
    )
    assert np.array_equal(decode(copy), both[1].on_pixels(both[0].on_pixels(image)))
    assert np.array_equal(decode_mask(copy, (40, 60)), both[1].on_mask(both[0].on_mask(mask)))
    assert np.array_equal(decode_mask(plain), mask)
    array = ImageRecord("c", pixels=image, augmentations=both)
    assert np.array_equal(decode(array), decode(copy))
    reversed_ = ImageRecord("d", tmp_path / "a.png", augmentations=both[::-1])
    assert len({content_hash(one) for one in (plain, copy, array, reversed_)}) == 4
    with pytest.raises(BrokenImageError, match="the record has no mask"):
        decode_mask(reversed_)
    report = inspect_images(ImageSet(tmp_path, "folder", (plain, copy)))
    assert not report.duplicates


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_copy_takes_little_more_than_its_pixels(kind: str) -> None:
    record = ImageRecord(
        "large", pixels=np.full((2000, 1500, 3), 90, np.uint8), augmentations=(Augmentation(kind, 1),)
    )
    decode(ImageRecord("small", pixels=np.zeros((2, 2, 3), np.uint8), augmentations=record.augmentations))
    tracemalloc.start()
    try:
        decode(record)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2000 * 1500 * 3
