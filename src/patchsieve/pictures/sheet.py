"""Many small pictures with captions on one sheet, for a mail or a notice board."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from patchsieve.images.collection import Pixels

_GAP = 12
_TEXT = 14
_PAPER = (255, 255, 255)
_INK = (20, 20, 20)


def contact_sheet(
    cells: Sequence[Sequence[Pixels]], captions: Sequence[str], columns: int = 4, tile: int = 200
) -> Pixels:
    """Arrange pictures in rows of captioned cells.

    Args:
        cells: for each cell the pictures that stand side by side in it, e.g. input and overlay, uint8 RGB
            `[H, W, 3]` of any size. Every cell holds as many.
        captions: one per cell; what is too long loses its middle, because names differ at their ends.
        columns: cells per row.
        tile: side in pixels of the square that a picture is fitted into; a smaller picture is enlarged.

    Returns:
        uint8 RGB `[H, W, 3]`.

    Raises:
        ValueError: no cells, cells of different lengths, or another number of captions.
    """
    if not cells or len({len(cell) for cell in cells}) != 1 or len(captions) != len(cells):
        raise ValueError("a contact sheet needs cells of equal length and one caption for each")
    columns = min(columns, len(cells))
    cell_width, cell_height = len(cells[0]) * tile, tile + _TEXT + _GAP // 2
    rows = -(-len(cells) // columns)
    size = (columns * (cell_width + _GAP) + _GAP, rows * (cell_height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), _font()
    for index, (cell, caption) in enumerate(zip(cells, captions, strict=True)):
        left = _GAP + index % columns * (cell_width + _GAP)
        top = _GAP + index // columns * (cell_height + _GAP)
        for place, pixels in enumerate(cell):
            picture = _fitted(pixels, tile)
            at = (left + place * tile + (tile - picture.width) // 2, top + (tile - picture.height) // 2)
            sheet.paste(picture, at)
        draw.text((left, top + tile + _GAP // 4), _shortened(caption, font, cell_width), _INK, font)
    return np.asarray(sheet)


def _fitted(pixels: Pixels, side: int) -> Image.Image:
    picture = Image.fromarray(pixels)
    # Two pixels short, so that neighbours do not run into each other.
    ratio = (side - 2) / max(picture.size)
    return picture.resize((max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))))


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    ends = ((text[: keep // 2], text[-(keep // 2) :]) for keep in range(len(text), 1, -2))
    candidates = (f"{start}…{end}" for start, end in ends)
    return next((candidate for candidate in candidates if font.getlength(candidate) <= width), "…")


def _font() -> ImageFont.FreeTypeFont:
    # DejaVu comes with matplotlib and covers more scripts than the font that Pillow brings.
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", _TEXT)
