"""`patchsieve fit --tile`: large images in their own size."""

import pytest
from PIL import Image

from patchsieve.detectors import load


@pytest.fixture
def wide(tmp_path, part):
    """Twelve parts of 160 x 96 pixels and one of another size."""
    folder = tmp_path / "wide"
    folder.mkdir()
    for index in range(13):
        image = part(index, size=(160, 96) if index < 12 else (80, 48)).image
        image.save(folder / f"{index:02}.png")
    return folder


def test_tiles_take_images_in_their_own_size(patchsieve, wide, tmp_path):
    model = tmp_path / "wide.sieve"
    ended = patchsieve("fit", wide, "--tile", 96, "--overlap", 32, "--out", model)
    assert ended.code == 0
    assert "2 of 96 x 96 pixels in a frame of 96 x 160" in ended.err
    said = "1 of the 13 training images is not 96 x 160 pixels large, as the others are"
    assert said in " ".join(ended.err.split())
    assert said in " ".join(model.with_suffix(".html").read_text(encoding="utf-8").split())
    fitted = load(model, device="cpu")
    assert fitted.extractor_.preprocessing.frame == (96, 160)
    assert (fitted.image_size, fitted.crop, fitted.tile, fitted.tile_overlap) == ("native", None, 96, 32)
    scored = patchsieve("predict", model, wide, "--out", tmp_path / "results")
    assert scored.code == 0


def test_the_settings_are_printed_as_a_configuration_takes_them(patchsieve, tmp_path):
    printed = patchsieve("fit", "--tile", "96x128", "--print-config").out
    assert "image_size: native" in printed
    assert "crop: null" in printed
    assert "tile: [96, 128]" in printed
    config = tmp_path / "line.yaml"
    config.write_text(printed, encoding="utf-8")
    again = patchsieve("fit", "--config", config, "--print-config").out
    assert again == printed
    for spelt in (
        ["--set", "tile=96x128"],
        ["--image-size", "native", "--crop", "none", "--set", "tile=[96, 128]"],
    ):
        assert patchsieve("fit", *spelt, "--print-config").out == printed
    sized = patchsieve("fit", "--tile", 96, "--image-size", "200x300", "--crop", "none", "--print-config")
    assert "image_size: [200, 300]" in sized.out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--overlap", "32"], "only tiles overlap: give --tile, too"),
        (["--tile", "48", "--overlap", "48"], "less than the tile"),
        (["--tile", "16"], "at least 32 each way"),
        (["--tile", "many"], "'many' is neither a number of pixels"),
        (["--tile", "512", "--image-size", "256"], "fits into one tile of 512 x 512"),
        (
            ["--image-size", "big"],
            "neither a number of pixels such as 256 nor HEIGHTxWIDTH such as 256x320, nor native",
        ),
        (["--backbone", "dinov2_vits14", "--tile", "96"], "takes images of 224x224 pixels only"),
        (["--tile", "100"], "such as tile=128"),
    ],
)
def test_what_cannot_be_is_said(patchsieve, wide, flags, said):
    ended = patchsieve("fit", wide, *flags, "--out", wide.parent / "wide.sieve")
    assert ended.code == 2
    assert said in " ".join(ended.err.replace("│", " ").split())


def test_images_of_many_sizes_need_one_that_is_given(patchsieve, wide):
    for index in range(12):
        Image.new("RGB", (200 + index, 120)).save(wide / f"{index:02}.png")
    ended = patchsieve("fit", wide, "--tile", 96, "--out", wide.parent / "wide.sieve")
    assert ended.code == 2
    assert "have 13 sizes, from 48x80 to 120x211 pixels" in " ".join(ended.err.split())
