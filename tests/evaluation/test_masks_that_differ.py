"""Masks as data sets come with them, several to an image or of another size, held against a real model."""

import numpy as np
import pytest
from PIL import Image

from patchsieve.evaluation import evaluate
from patchsieve.images import decode_mask, read_images


@pytest.fixture
def loco(tmp_path, part):
    """MVTec LOCO AD's layout: 2 good and 2 defective test images, their defects cut into two masks each."""
    root = tmp_path / "pushpins"
    kind = "logical_anomalies"
    for folder in ("train/good", "test/good", f"test/{kind}"):
        (root / folder).mkdir(parents=True)
    part(1).image.save(root / "train" / "good" / "000.png")
    for index in range(2):
        part(400 + index).image.save(root / "test" / "good" / f"{index:03}.png")
        drawn = part(410 + index, defective=True)
        drawn.image.save(root / "test" / kind / f"{index:03}.png")
        masks = root / "ground_truth" / kind / f"{index:03}"
        masks.mkdir(parents=True)
        whole = np.asarray(drawn.mask) != 0
        rows = np.flatnonzero(whole.any(axis=1))
        for number, half in enumerate((rows[: len(rows) // 2], rows[len(rows) // 2 :])):
            mask = np.zeros(whole.shape, np.uint8)
            mask[half] = whole[half] * np.uint8(254 - number)
            Image.fromarray(mask).save(masks / f"{number:03}.png")
    return root


def test_several_masks_of_an_image_are_judged_by_as_one(fitted, loco, part):
    images = read_images(loco)
    for index in range(2):
        record = next(one for one in images if one.name == f"test/logical_anomalies/{index:03}.png")
        whole = np.asarray(part(410 + index, defective=True).mask) != 0
        assert np.array_equal(decode_mask(record), whole)
    evaluation = evaluate(fitted, images)
    assert evaluation.notes == ()
    assert all(mask is not None for mask in evaluation.masks)


def test_a_mask_of_another_size_is_noted_and_costs_only_its_image_s_pixels(
    fitted, loco, patchsieve, model_file
):
    masks = loco / "ground_truth" / "logical_anomalies" / "001"
    for path in masks.iterdir():
        Image.new("L", (30, 20), 255).save(path)
    evaluation = evaluate(fitted, loco)
    (note,) = evaluation.notes
    assert "the mask is 30 x 20 pixels, its image 96 x 96" in note
    assert "left out of the pixel figures" in note
    without = evaluation.result.images.names.index("test/logical_anomalies/001.png")
    assert [mask is None for mask in evaluation.masks] == [index == without for index in range(4)]
    finished = patchsieve("evaluate", model_file, loco)
    assert finished.code == 0
    assert "30 x 20 pixels" in finished.err + finished.out
