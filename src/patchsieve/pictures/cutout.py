"""A part of an image, cut out to be looked at."""

from typing import NamedTuple

import numpy as np

from patchsieve.images.collection import Pixels
from patchsieve.pictures.overlay import FOUND_COLOUR, Mask, outline

# Cut-outs are shown at about this many pixels; the line shall be seen there.
_SHOWN = 160


class Cutout(NamedTuple):
    """A part of an image, uint8 RGB `[H, W, 3]`, and what it is in words."""

    caption: str
    pixels: Pixels


def cut_out(pixels: Pixels, rows: slice, columns: slice, height: float, width: float) -> Pixels:
    """Cut a part out of an image, with a line around the place that it is about.

    At the border of the image the part is moved inwards.

    Args:
        pixels: uint8 RGB `[H, W, 3]`.
        rows: of the place.
        columns: of the place.
        height: of the part, at least that of the place and the line around it.
        width: likewise.

    Returns:
        uint8 RGB, a copy.
    """
    place: Mask = np.zeros(pixels.shape[:2], dtype=bool)
    place[rows, columns] = True
    line = max(1, round(max(height, width) / _SHOWN))
    y = _window(rows, height, pixels.shape[0], line)
    x = _window(columns, width, pixels.shape[1], line)
    return outline(pixels[y, x], place[y, x], FOUND_COLOUR, line)


def _window(place: slice, side: float, limit: int, line: int) -> slice:
    wanted = min(limit, max(place.stop - place.start + 2 * line, round(side)))
    first = min(max(0, (place.start + place.stop - wanted) // 2), limit - wanted)
    return slice(first, first + wanted)
