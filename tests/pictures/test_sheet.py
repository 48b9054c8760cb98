"""The contact sheet: where each picture stands, and captions that fit."""

import numpy as np
import pytest

from patchsieve.pictures import contact_sheet

RED, BLUE = (200, 0, 0), (0, 0, 200)


def plain(colour, height=30, width=30) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def places(sheet, colour) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((sheet == colour).all(axis=2))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_pictures_of_a_cell_stand_side_by_side_and_do_not_touch() -> None:
    sheet = contact_sheet([(plain(RED), plain(BLUE))], ["part.png"], tile=100)
    red, blue = places(sheet, RED), places(sheet, BLUE)
    assert red[:2] == blue[:2]
    assert blue[2] > red[3] + 1
    assert red[3] - red[2] == red[1] - red[0] == 97


def test_proportions_are_kept() -> None:
    top, bottom, left, right = places(contact_sheet([(plain(RED, 20, 80),)], ["wide"], tile=102), RED)
    assert (right - left + 1, bottom - top + 1) == (100, 25)


def test_cells_fill_rows() -> None:
    sheet = contact_sheet([(plain(RED),)] * 4 + [(plain(BLUE),)], list("abcde"), columns=3, tile=60)
    blue, red = places(sheet, BLUE), places(sheet, RED)
    assert red[0] < blue[0] == red[1] - (blue[1] - blue[0])
    assert red[2] < blue[2] < red[3]


@pytest.mark.parametrize("caption", ["a" * 500, "line\nbreaks\tand tabs " * 20, "", "Prüfteil Ж <b>.png"])
def test_a_caption_never_leaves_its_cell(caption) -> None:
    sheet = contact_sheet([(plain(RED),), (plain(RED),)], [caption, ""], tile=80)
    ink = (sheet < 128).all(axis=2)
    assert not ink[:, 12 + 80 + 1 :].any()
    assert ink.any() == bool(caption)


@pytest.mark.parametrize(
    ("cells", "captions"),
    [([], []), ([(plain(RED),)], []), ([(plain(RED),), (plain(RED), plain(BLUE))], ["a", "b"])],
)
def test_cells_that_do_not_make_a_sheet_are_refused(cells, captions) -> None:
    with pytest.raises(ValueError, match="contact sheet"):
        contact_sheet(cells, captions)
