"""The pictures of evidence: what is cut out is what it says, also at the border and when files are gone."""

import numpy as np
import pytest
from PIL import Image

from patchsieve.detectors.evidence import evidence
from patchsieve.images import decode
from patchsieve.pictures import FOUND_COLOUR
from patchsieve.pictures.cutout import cut_out
from patchsieve.pictures.evidence import cutouts
from patchsieve.pictures.model_report import suspect_cutouts


@pytest.mark.parametrize(("row", "column"), [(0, 0), (50, 30), (95, 195), (99, 0), (0, 199)])
def test_a_part_around_a_place_stays_inside_the_image(row, column):
    rows, columns = np.mgrid[:100, :200]
    pixels = np.stack([rows, columns, np.zeros_like(rows)], axis=2).astype(np.uint8)
    part = cut_out(pixels, slice(row, row + 1), slice(column, column + 1), 30, 60)
    assert part.shape == (30, 60, 3)
    line = (part == FOUND_COLOUR).all(axis=2)
    assert line.any()
    inside = part[~line]
    assert (row, column, 0) in {tuple(colour) for colour in inside.tolist()}
    # Nothing but the line is changed: the colours still say where each pixel was.
    y, x = np.argwhere(~line).T
    assert len(set((inside[:, 0] - y).tolist())) == len(set((inside[:, 1] - x).tolist())) == 1


def test_the_worst_patch_comes_first_and_the_captions_say_what_is_what(fitted):
    (suspect,) = fitted.training_.unmarked()[:1]
    found = evidence(fitted, [int(suspect)])[int(suspect)]
    first, *others = cutouts(fitted, found)
    assert first.caption == f"worst patch of {fitted.training_.images[int(suspect)].name}"
    assert len(others) == 3
    names = [fitted.training_.images[neighbour.image].name for neighbour in found.neighbours]
    for cutout, name, neighbour in zip(others, names, found.neighbours, strict=True):
        assert cutout.caption.startswith(name)
        assert f", distance {neighbour.distance:.3g}" in cutout.caption
    pixels = decode(fitted.training_.images[int(suspect)])
    row, column = ((np.array(found.cell) + 0.5) / found.grid * pixels.shape[:2]).astype(int)
    assert (first.pixels == pixels[row, column]).all(axis=2).any()


def test_the_command_writes_a_picture_for_each(patchsieve, model_file, tmp_path):
    finished = patchsieve("suspects", model_file, "--top", 3, "--evidence", tmp_path / "why")
    assert finished.code == 0, finished
    files = sorted((tmp_path / "why").iterdir())
    assert [file.name[:4] for file in files] == ["001_", "002_", "003_"]
    with Image.open(files[0]) as picture:
        assert picture.width > 4 * 300
    assert "evidence: 3 pictures in" in finished.err


def test_all_suspects_have_evidence(fitted):
    suspects = fitted.suspects(5)
    assert set(suspect_cutouts(fitted, suspects)) == set(suspects.images.names)
