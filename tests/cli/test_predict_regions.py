"""`patchsieve predict --regions` and `--coco`: what is found, as files that other programs read."""

import json

import numpy as np
import pytest
from PIL import Image

from patchsieve import load


@pytest.fixture
def defects(parts, tmp_path):
    return parts(tmp_path / "today", 2, 3, first=500)


def test_the_regions_are_those_of_the_model(patchsieve, model_file, defects, tmp_path):
    finished = patchsieve("predict", model_file, defects, "--regions", tmp_path / "found" / "regions.json")
    assert finished.code == 0, finished
    document = json.loads((tmp_path / "found" / "regions.json").read_text())
    model = load(model_file)
    result = model.predict(str(defects))
    assert document["format"] == "patchsieve-regions"
    assert document["pixel_threshold"] == model.pixel_threshold_
    assert document["threshold"] == model.threshold_
    assert [image["image"] for image in document["images"]] == list(result.images.names)
    assert [image["verdict"] for image in document["images"]] == list(result.verdicts)
    for image, regions in zip(document["images"], result.regions(), strict=True):
        assert (image["width"], image["height"]) == (96, 96)
        assert [region["area"] for region in image["regions"]] == [round(r.area, 2) for r in regions]
        assert [tuple(region["peak"]) for region in image["regions"]] == [r.peak for r in regions]
    assert f"{sum(map(len, result.regions()))} regions in 5 images are in" in finished.err.replace("\n", " ")


def test_the_defects_are_outlined_where_they_are(patchsieve, model_file, defects, part, tmp_path):
    patchsieve("predict", model_file, defects, "--regions", tmp_path / "r.json")
    images = json.loads((tmp_path / "r.json").read_text())["images"]
    for index in range(2, 5):
        mask = np.asarray(part(500 + index, defective=True).mask)
        x, y = images[index]["regions"][0]["peak"]
        assert mask[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5].any()


def test_coco_follows_its_format(patchsieve, model_file, defects, tmp_path):
    finished = patchsieve(
        "predict", model_file, defects, "--coco", tmp_path / "c.json", "--regions", tmp_path / "r.json"
    )
    assert finished.code == 0, finished
    coco = json.loads((tmp_path / "c.json").read_text())
    plain = json.loads((tmp_path / "r.json").read_text())["images"]
    assert [image["file_name"] for image in coco["images"]] == [image["image"] for image in plain]
    assert [image["id"] for image in coco["images"]] == [1, 2, 3, 4, 5]
    assert coco["categories"] == [{"id": 1, "name": "anomaly", "supercategory": "defect"}]
    ids = [annotation["id"] for annotation in coco["annotations"]]
    assert ids == list(range(1, len(ids) + 1))
    for number, image in enumerate(plain, start=1):
        found = [each for each in coco["annotations"] if each["image_id"] == number]
        assert [each["area"] for each in found] == [region["area"] for region in image["regions"]]
        for each, region in zip(found, image["regions"], strict=True):
            assert set(each) >= {"id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd"}
            assert each["iscrowd"] == 0
            left, top, width, height = each["bbox"]
            assert [left, top, left + width, top + height] == pytest.approx(region["box"], abs=0.02)
            for ring in each["segmentation"]:
                points = np.array(ring).reshape(-1, 2)
                assert len(points) >= 3
                assert (points >= (left - 0.02, top - 0.02)).all()
                assert (points <= (left + width + 0.02, top + height + 0.02)).all()


def test_small_regions_are_left_out_and_good_images_stay_listed(patchsieve, model_file, defects, tmp_path):
    patchsieve("predict", model_file, defects, "--coco", tmp_path / "c.json", "--min-area", "9217")
    coco = json.loads((tmp_path / "c.json").read_text())
    assert len(coco["images"]) == 5
    assert coco["annotations"] == []


def test_an_image_that_cannot_be_decoded_is_named(patchsieve, model_file, defects, tmp_path):
    (defects / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n, and then the cable was pulled")
    patchsieve("predict", model_file, defects, "--regions", tmp_path / "r.json")
    document = json.loads((tmp_path / "r.json").read_text())
    assert len(document["images"]) == 5
    (skipped,) = document["skipped"]
    assert skipped["image"] == "torn.png"
    assert skipped["reason"]


def test_a_file_that_cannot_be_written_is_said_before_the_work(refused, model_file, defects, tmp_path):
    assert "it is a folder" in refused("predict", model_file, defects, "--coco", tmp_path)


def test_overlays_have_the_outlines_of_the_regions(patchsieve, model_file, defects, tmp_path):
    patchsieve("predict", model_file, defects, "--out", tmp_path / "out", "--overlays")
    result = load(model_file).predict(str(defects))
    blue = np.array([86, 180, 233])
    for index, regions in enumerate(result.regions()):
        picture = np.asarray(Image.open(tmp_path / "out" / "overlays" / f"part_{index:02}.png.png"))
        # Around a region that is all of the image there is no place for a line.
        assert (picture == blue).all(axis=2).any() == any(region.area < 9216 for region in regions)
