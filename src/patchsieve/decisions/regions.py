"""Where in an image something is wrong: the connected regions of an anomaly map above a threshold, with outlines."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt

from patchsieve.decisions.labelling import label_regions

Box = tuple[float, float, float, float]
Ring = npt.NDArray[np.float64]
# As in GeoJSON: the outer ring first, the rings of holes behind it.
Polygon = tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """One connected region of an image whose pixels score above the pixel threshold.

    Attributes:
        area: in pixels of the image, not rounded: what the polygons enclose, holes taken off.
        box: (left, top, right, bottom) around it, in pixels of the image, not rounded.
        peak: (x, y), the pixel where the map is highest.
        peak_score: the map there.
        mean_score: mean of the map over the region.
        polygons: its outline in pixels of the image, float64 rings `[K, 2]` of (x, y), the last point joined to the
            first. x = 0 is the left edge of the leftmost pixel, y = 0 the upper edge of the topmost. Of each polygon
            the outer ring comes first, the rings of holes follow; parts that touch at a corner only may be two.
    """

    area: float
    box: Box
    peak: tuple[int, int]
    peak_score: float
    mean_score: float
    polygons: tuple[Polygon, ...] = field(repr=False)


def find_regions(
    anomaly_map: npt.NDArray[np.float32],
    box: Box,
    size: tuple[int, int],
    threshold: float,
    min_area: float = 0.0,
) -> tuple[Region, ...]:
    """Find the connected regions of a map that are above a threshold, largest peak first.

    The map's cells are joined to regions where they touch, at an edge or a corner. The outline is the line on which
    the map, linear between the centres of its cells, has the threshold's value; it is found in the model frame and
    then laid over the image, so the work does not grow with the image.

    Args:
        anomaly_map: float32 `[h, w]`, in the model frame.
        box: (left, top, right, bottom), the part of the image that the map covers, in pixels, not rounded.
        size: (height, width) of the image in pixels.
        threshold: on the scale of the map.
        min_area: regions of a smaller area, in pixels of the image, are left out.
    """
    labels, windows = label_regions(anomaly_map > threshold)
    regions = [
        _region(anomaly_map, labels == number, window, box, size, threshold)
        for number, window in enumerate(windows, start=1)
    ]
    worth = [region for region in regions if region.area >= min_area]
    return tuple(sorted(worth, key=lambda region: -region.peak_score))


def _region(
    anomaly_map: npt.NDArray[np.float32],
    cells: npt.NDArray[np.bool_],
    window: tuple[slice, slice],
    box: Box,
    size: tuple[int, int],
    threshold: float,
) -> Region:
    """Return the region of some cells `[h, w]`, all of which lie in `window`."""
    left, top, right, bottom = box
    height, width = anomaly_map.shape
    scale = np.array([(right - left) / width, (bottom - top) / height])
    polygons = tuple(
        tuple(ring * scale + (left, top) for ring in polygon)
        for polygon in _contours(anomaly_map, cells, window, threshold)
    )
    scores = np.where(cells[window], anomaly_map[window], -np.inf)
    row, column = np.unravel_index(scores.argmax(), scores.shape)
    corner = (window[1].start + column + 0.5, window[0].start + row + 0.5)
    x, y = (np.array(corner) * scale + (left, top)).astype(int)
    outer = np.concatenate([polygon[0] for polygon in polygons])
    return Region(
        area=float(sum(polygon_area(polygon) for polygon in polygons)),
        box=(*outer.min(axis=0).tolist(), *outer.max(axis=0).tolist()),
        peak=(min(int(x), size[1] - 1), min(int(y), size[0] - 1)),
        peak_score=float(scores.max()),
        mean_score=float(anomaly_map[cells].mean(dtype=np.float64)),
        polygons=polygons,
    )


def _contours(
    anomaly_map: npt.NDArray[np.float32],
    cells: npt.NDArray[np.bool_],
    window: tuple[slice, slice],
    threshold: float,
) -> list[Polygon]:
    """Return the outlines of some cells in the model frame, in which the centre of the first cell is at (0.5, 0.5)."""
    # Here, not above: not everything that decides draws outlines.
    from contourpy import FillType, contour_generator

    height, width = anomaly_map.shape
    # One cell more all around; beyond the frame the map goes on as it ends.
    rows = np.arange(window[0].start - 1, window[0].stop + 1)
    columns = np.arange(window[1].start - 1, window[1].stop + 1)
    taken = np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))
    # A neighbouring region is another's: here it stays just below.
    above = np.nextafter(float(threshold), np.inf)
    nearby = anomaly_map[taken].astype(np.float64)
    levels = np.where(cells[taken], nearby, np.minimum(nearby, threshold))
    contours = contour_generator(
        columns + 0.5, rows + 0.5, levels, name="serial", fill_type=FillType.OuterOffset
    )
    # One array of points and one of where rings begin, for each polygon.
    points, offsets = cast("tuple[list[Ring], list[npt.NDArray[np.uint32]]]", contours.filled(above, np.inf))
    polygons = []
    for ring_points, ring_offsets in zip(points, offsets, strict=True):
        inside = ring_points.clip(0, (width, height))
        # contourpy repeats a ring's first point at its end.
        rings = [inside[start : end - 1] for start, end in pairwise(ring_offsets)]
        polygons.append(tuple(rings))
    return polygons


def polygon_area(polygon: Polygon) -> float:
    """Return the area of a polygon less its holes, by the shoelace formula."""
    outer, *holes = (_enclosed(ring) for ring in polygon)
    return outer - sum(holes)


def _enclosed(ring: Ring) -> float:
    return abs(_signed(ring))


def one_ring(polygon: Polygon) -> Ring:
    """Return a polygon with holes as one ring `[K, 2]`, for formats that have no holes: cut open to each hole.

    The cut goes there and back on the same line, so it encloses nothing, and the area stays.
    """
    ring, *holes = polygon
    for hole in sorted(holes, key=lambda hole: float(hole[:, 0].min())):
        apart = np.linalg.norm(ring[:, None] - hole[None], axis=2)
        here, there = np.unravel_index(apart.argmin(), apart.shape)
        around = np.roll(hole, -int(there), axis=0)
        # Walked against the outer ring, so that the shoelace formula takes the hole off.
        if _signed(around) * _signed(ring) > 0:
            around = np.roll(around[::-1], 1, axis=0)
        ring = np.concatenate([ring[: here + 1], around, around[:1], ring[here:]])
    return ring


def _signed(ring: Ring) -> float:
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
