"""The part itself: a turned steel flange with six bolt holes, an orange gasket in its groove and a laser mark.

Described by planes over the image (signed distance to the rim, relief, rubber, tint), not by pixels of a
photograph, so that a defect can change the thing and not the picture of it.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from patchsieve.images.synthetic.scene import Frame, Plane

BORE_RADIUS = 0.25
HUB_RADIUS = 0.40
GASKET_RADIUS = 0.505
GASKET_WIDTH = 0.085
GROOVE_WIDTH = 0.115
BOLT_CIRCLE = 0.785
BOLT_RADIUS = 0.088
BOLT_ANGLES = tuple(np.arange(6) * np.pi / 3)
CHAMFER = 0.028


@dataclass(slots=True)
class Part:
    """A part before it is lit. Planes are float32 `[S, S]`; lengths are in outer radii of the part.

    Attributes:
        frame: the coordinates of every pixel on the part.
        distance: signed distance to the metal's rim, negative in the metal; a chamfer follows every rim.
        relief: height of the metal's surface, without chamfer and gasket.
        gasket: share of rubber, 0 to 1.
        tint: factor on the metal's reflectance, `[S, S, 3]`.
        litter: share covered by something that lies on the part, 0 to 1.
        litter_colour: its linear RGB reflectance.
    """

    frame: Frame
    distance: Plane
    relief: Plane
    gasket: Plane
    tint: Plane
    litter: Plane
    litter_colour: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def copy(self) -> "Part":
        """Return a part that can be damaged without harm to this one; they share the frame."""
        planes = ("distance", "relief", "gasket", "tint", "litter")
        return replace(self, **{name: getattr(self, name).copy() for name in planes})


def smoothstep(x: Plane, low: float, high: float) -> Plane:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def coverage(distance: Plane, pixel: float) -> Plane:
    """Return the share of each pixel inside a shape given by its signed distance, negative inside."""
    return np.asarray(np.clip(np.float32(0.5) - distance / np.float32(pixel), 0, 1), dtype=np.float32)


def bolt_distance(frame: Frame, angle: float, radius: float) -> Plane:
    """Signed distance to the rim of one bolt hole, negative in the hole."""
    u0, v0 = BOLT_CIRCLE * np.cos(angle), BOLT_CIRCLE * np.sin(angle)
    return np.asarray(np.hypot(frame.u - np.float32(u0), frame.v - np.float32(v0)) - np.float32(radius))


def plate_distance(frame: Frame, bolt_radii: tuple[float, ...]) -> Plane:
    """Signed distance to the metal's rim, negative in the metal; a bolt radius of 0 leaves the hole out."""
    distance = np.maximum(frame.r - np.float32(1), np.float32(BORE_RADIUS) - frame.r)
    keyway = np.maximum(
        np.abs(frame.u) - np.float32(0.05), np.abs(frame.v + np.float32(0.25)) - np.float32(0.07)
    )
    distance = np.maximum(distance, -keyway)
    for angle, radius in zip(BOLT_ANGLES, bolt_radii, strict=True):
        if radius > 0:
            np.maximum(distance, -bolt_distance(frame, angle, radius), out=distance)
    return np.asarray(distance, dtype=np.float32)


def sound_part(frame: Frame) -> Part:
    """Return the part as the drawing wants it."""
    r, soft = frame.r, max(0.012, 1.2 * frame.pixel)
    ring = np.abs(r - np.float32(GASKET_RADIUS))
    groove = 1 - smoothstep(ring, GROOVE_WIDTH / 2 - soft, GROOVE_WIDTH / 2 + soft)
    hub = 1 - smoothstep(r, HUB_RADIUS - 0.02, HUB_RADIUS + 0.01 + soft)
    step = smoothstep(r, 0.93 - soft, 0.93 + soft)
    mark = _laser_mark(frame)
    tint = (1 - 0.55 * groove) * (1 + 0.10 * hub) * (1 - 0.75 * mark)
    return Part(
        frame=frame,
        distance=plate_distance(frame, (BOLT_RADIUS,) * len(BOLT_ANGLES)),
        relief=np.asarray(0.025 * hub - 0.03 * groove - 0.012 * step, dtype=np.float32),
        gasket=coverage(ring - np.float32(GASKET_WIDTH / 2), frame.pixel),
        tint=np.repeat(tint[..., None], 3, axis=2).astype(np.float32),
        litter=np.zeros_like(r),
    )


def _laser_mark(frame: Frame) -> Plane:
    """Return how dark the laser burnt each pixel, 0 to 1: a lot code below, a square matrix code above."""
    along = -(frame.theta - np.float32(np.pi / 2)) * frame.r
    text = _sample(_lettering(), along, frame.r - np.float32(BOLT_CIRCLE), 0.115, frame.pixel)
    code = _sample(_matrix_code(), frame.u, frame.v + np.float32(BOLT_CIRCLE), 0.17, frame.pixel)
    return np.asarray(np.maximum(text, code), dtype=np.float32)


def _sample(stencil: Plane, x: Plane, y: Plane, height: float, pixel: float) -> Plane:
    """Lay a stencil of the given height, its middle at x = y = 0, over the pixels."""
    rows, columns = stencil.shape
    per_unit = rows / height
    # Blurred to the pixel's size first, so that taking the nearest sample does not alias.
    smooth = np.pad(ndimage.gaussian_filter(stencil, 0.4 * pixel * per_unit), 1)
    row = np.clip((y * per_unit + (rows / 2 + 1)).astype(np.int32), 0, rows + 1)
    column = np.clip((x * per_unit + (columns / 2 + 1)).astype(np.int32), 0, columns + 1)
    return np.asarray(smooth[row, column], dtype=np.float32)


@cache
def _lettering() -> Plane:
    font = ImageFont.load_default(size=52)
    left, top, right, bottom = font.getbbox("DN40 316L")
    image = Image.new("L", (int(right - left) + 24, int(bottom - top) + 24))
    ImageDraw.Draw(image).text((12 - left, 12 - top), "DN40 316L", fill=255, font=font, stroke_width=1)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


@cache
def _matrix_code() -> Plane:
    cells = np.random.default_rng(40).integers(0, 2, size=(10, 10))
    cells[:, 0] = cells[-1, :] = 1
    cells[0, 1:] = cells[1:, -1][::-1] = np.arange(9) % 2
    padded: npt.NDArray[np.float32] = np.pad(cells, 1).astype(np.float32)
    return padded.repeat(6, axis=0).repeat(6, axis=1)
