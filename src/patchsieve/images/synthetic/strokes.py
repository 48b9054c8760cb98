"""Thin lines on the part: the bent paths of scratches, cracks and fibres, and their antialiased footprint."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from patchsieve.images.synthetic.scene import Frame, Plane

Path = npt.NDArray[np.float64]
_OVERSAMPLING = 4


def bent_path(rng: np.random.Generator, start: Path, heading: float, length: float, bend: float) -> Path:
    """Return points `[24, 2]` of a smooth curve of the given length whose heading wanders by about `bend`."""
    t = np.linspace(0, 1, 24)
    first, second = rng.normal(0, bend, size=2)
    headings = heading + first * (t - 0.5) + second * np.sin(np.pi * t)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * (length / len(t))
    return np.asarray(start + np.cumsum(steps, axis=0))


def jagged_path(rng: np.random.Generator, start: Path, heading: float, length: float) -> Path:
    """Return points `[14, 2]` of a path that breaks its heading at every step and drifts, as a crack does."""
    headings = heading + np.cumsum(rng.normal(0, 0.18, size=13)) + rng.normal(0, 0.42, size=13)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * (length / 13)
    return np.concatenate([start[None, :], start + np.cumsum(steps, axis=0)])


def tapered(width: float, count: int, ends: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return `count` widths: `width` in the middle, falling to the given shares of it at both ends."""
    return width * np.interp(np.linspace(0, 1, count), [0, 0.25, 0.75, 1], [ends[0], 1, 1, ends[1]])


def stroke(frame: Frame, path: Path, widths: npt.NDArray[np.float64]) -> Plane:
    """Return the share of each pixel, 0 to 1 float32 `[S, S]`, that a line covers.

    Args:
        frame: the pixels and the part's pose.
        path: points (u, v) on the part `[N, 2]`.
        widths: the line's width at each point `[N]`, in outer radii of the part.
    """
    size = len(frame.u)
    points = frame.to_image(path)
    # Drawn in the line's own box, for most of the image is far from it.
    margin = float(widths.max()) / frame.pixel + 2
    left, top = np.clip(np.floor(points.min(axis=0) - margin), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0) + margin), 1, size).astype(int)
    canvas = Image.new("L", (int(right - left) * _OVERSAMPLING, int(bottom - top) * _OVERSAMPLING))
    draw = ImageDraw.Draw(canvas)
    places = [(float(x), float(y)) for x, y in (points - [left, top]) * _OVERSAMPLING]
    thickness = widths / frame.pixel * _OVERSAMPLING
    for begin, end, width in zip(places, places[1:], thickness, strict=False):
        draw.line([begin, end], fill=255, width=max(1, round(width)))
    plane = np.zeros((size, size), dtype=np.float32)
    plane[top:bottom, left:right] = np.asarray(canvas.reduce(_OVERSAMPLING), dtype=np.float32) / 255
    return plane
