import json
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from patchsieve.errors import PatchSieveError
from patchsieve.pictures.files import THRESHOLD_LEVEL, file_name, write_npy, write_picture, write_tiff

IMAGE_DESCRIPTION = 270


@pytest.fixture
def anomaly_map():
    return np.random.default_rng(0).uniform(0, 3, (5, 7)).astype(np.float32)


def test_pictures_of_a_png_and_a_jpg_of_one_name_do_not_meet():
    assert file_name("below/a.png", ".npy") == PurePosixPath("below/a.png.npy")
    assert file_name("below/a.jpg", ".npy") == PurePosixPath("below/a.jpg.npy")


segments = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=8)


@given(parts=st.lists(segments, min_size=1, max_size=5), absolute=st.booleans())
def test_no_name_leads_out_of_the_output_folder(parts, absolute):
    name = "/" * absolute + "/".join([*parts, "x.png"])
    target = file_name(name, ".png")
    assert not target.is_absolute()
    assert ".." not in target.parts
    assert target.name == "x.png.png"


def test_a_picture_comes_back_as_it_was(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    write_picture(tmp_path / "new" / "a.png", pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "new" / "a.png")), pixels)


def test_a_map_comes_back_exactly_from_npy(tmp_path, anomaly_map):
    write_npy(tmp_path / "a.npy", anomaly_map)
    back = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert back.dtype == np.float32
    assert np.array_equal(back, anomaly_map)


def test_a_map_comes_back_from_tiff_to_half_a_level(tmp_path, anomaly_map):
    write_tiff(tmp_path / "a.tiff", anomaly_map, threshold=1.5)
    with Image.open(tmp_path / "a.tiff") as image:
        levels = np.asarray(image)
        said = json.loads(image.tag_v2[IMAGE_DESCRIPTION])
    assert levels.dtype == np.uint16
    assert said == {"score_per_level": 1.5 / THRESHOLD_LEVEL, "threshold_level": THRESHOLD_LEVEL}
    half = 0.5 * said["score_per_level"]
    assert np.allclose(levels * said["score_per_level"], anomaly_map, rtol=0, atol=half * 1.001)


def test_scores_beyond_the_range_of_a_tiff_saturate(tmp_path):
    write_tiff(tmp_path / "a.tiff", np.array([[-1.0, 2.0, 1e9]], dtype=np.float32), threshold=2.0)
    assert np.asarray(Image.open(tmp_path / "a.tiff")).tolist() == [[0, THRESHOLD_LEVEL, 2**16 - 1]]


def test_a_file_that_cannot_be_written_is_named(tmp_path, anomaly_map):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PatchSieveError, match=r"cannot write .*a\.npy"):
        write_npy(tmp_path / "file" / "a.npy", anomaly_map)
