"""The size that most images have, from their headers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.images import decode, read_images, usual_size


def write(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    """Write grey images of these (width, height)."""
    folder.mkdir()
    for index, size in enumerate(sizes):
        Image.new("L", size, index).save(folder / f"{index:02}.png")
    return folder


def test_it_is_that_of_most_whatever_the_others_are(tmp_path: Path) -> None:
    images = read_images(write(tmp_path / "line", [(80, 60), (90, 60), (80, 60), (10, 10), (80, 60)]))
    assert usual_size(images) == (60, 80)


def test_of_two_that_half_have_each_it_is_the_larger(tmp_path: Path) -> None:
    assert usual_size(read_images(write(tmp_path / "line", [(80, 60), (90, 60)] * 2))) == (60, 90)


def test_it_is_the_size_of_what_is_decoded(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 60)).save(tmp_path / "turned.jpg", exif=exif)
    images = read_images(tmp_path)
    assert usual_size(images) == decode(images[0]).shape[:2] == (80, 60)
    assert usual_size(read_images([np.zeros((30, 50, 3), np.uint8)])) == (30, 50)


def test_files_that_cannot_be_read_do_not_count(tmp_path: Path) -> None:
    folder = write(tmp_path / "line", [(80, 60)])
    (folder / "cut.png").write_bytes(b"\x89PNG")
    (folder / "text.png").write_text("no image")
    assert usual_size(read_images(folder)) == (60, 80)
    (folder / "00.png").unlink()
    with pytest.raises(ImagesError, match=r"none of the 2 images in .* can be read"):
        usual_size(read_images(folder))


def test_images_of_many_sizes_are_said_with_a_size_to_choose(tmp_path: Path) -> None:
    sizes = [(40, 40), (80, 60), (90, 60), (90, 60), (400, 300)]
    with pytest.raises(
        ConfigError,
        match=r"the 5 images in .* have 4 sizes, from 40x40 to 300x400 .* such as 60x90, which 2 have",
    ):
        usual_size(read_images(write(tmp_path / "line", sizes)))
