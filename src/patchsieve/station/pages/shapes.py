"""What templates draw with: places on the score's scale, and outlines as SVG paths."""

from collections.abc import Sequence
from typing import NamedTuple

# As in `patchsieve.decisions.Region`, from JSON.
Ring = Sequence[Sequence[float]]
Polygon = Sequence[Ring]


class ScalePlace(NamedTuple):
    """Where a score stands on a scale that has the threshold in its middle.

    Attributes:
        place: 0 (left end) to 1.
        beyond: whether the score is higher than the scale reaches.
    """

    place: float
    beyond: bool


def scale_place(score: float, threshold: float) -> ScalePlace:
    """Return where a score stands: the scale reaches from 0 to twice the threshold.

    A threshold that is not positive, set by hand, has a scale of one unit on either side.
    """
    place = score / (2 * threshold) if threshold > 0 else 0.5 + (score - threshold) / 2
    return ScalePlace(min(1.0, max(0.0, place)), place > 1)


def svg_path(polygons: Sequence[Polygon]) -> str:
    """Return the outline of a region as the `d` of an SVG path, in pixels of the image."""
    return "".join(
        f"M{'L'.join(f'{x:.1f} {y:.1f}' for x, y in ring)}Z" for polygon in polygons for ring in polygon
    )
