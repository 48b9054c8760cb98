"""What changes from photograph to photograph while the part stays the same: pose, light, lens and sensor."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

PART_RADIUS = 0.385
"""Nominal outer radius of the part as a fraction of the image's side."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One photograph's conditions. Lengths are fractions of the image's side, angles are in radians.

    Attributes:
        centre: position (x, y) of the part's middle.
        radius: outer radius of the part.
        angle: rotation of the part, clockwise on the screen.
        light: azimuth of the key light, clockwise from the right of the screen.
        grazing: how flat the key light falls, 0 overhead to 1 from the side.
        exposure: factor on the light that reaches the sensor.
        warmth: colour temperature, below 0 bluish, above 0 yellowish.
        vignette: loss of light in the corners, 0 to 1.
        blur: sigma of the lens blur.
        grain: standard deviation of the sensor's noise at mid grey, in 8-bit levels.
        dye: tone of the gasket's batch, a factor near 1.
    """

    centre: tuple[float, float]
    radius: float
    angle: float
    light: float
    grazing: float
    exposure: float
    warmth: float
    vignette: float
    blur: float
    grain: float
    dye: float


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw the conditions of one photograph from the spread of a well-kept inspection station."""
    shift = rng.uniform(-0.025, 0.025, size=2)
    return Scene(
        centre=(float(0.5 + shift[0]), float(0.5 + shift[1])),
        radius=PART_RADIUS * float(rng.uniform(0.965, 1.035)),
        angle=float(rng.uniform(-0.12, 0.12)),
        light=float(rng.normal(-2.2, 0.18)),
        grazing=float(rng.uniform(0.5, 0.75)),
        exposure=float(np.exp(rng.normal(0.0, 0.08))),
        warmth=float(rng.normal(0.0, 0.035)),
        vignette=float(rng.uniform(0.12, 0.34)),
        blur=float(rng.uniform(0.4, 0.85)) / 256,
        grain=float(rng.uniform(1.2, 3.0)),
        dye=float(rng.normal(1.0, 0.05)),
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """Where every pixel lies on the part, in units of the part's outer radius, the part's middle at (0, 0).

    Attributes:
        u, v: float32 `[S, S]`, coordinates that turn with the part (v downwards).
        r, theta: float32 `[S, S]`, the same point in polar coordinates, theta in (-pi, pi].
        pixel: side of one pixel.
        scene: the photograph's conditions.
    """

    u: Plane
    v: Plane
    r: Plane
    theta: Plane
    pixel: float
    scene: Scene

    def to_image(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return pixel coordinates (x, y) `[N, 2]` of points (u, v) `[N, 2]` on the part."""
        scene = self.scene
        cosine, sine = np.cos(scene.angle), np.sin(scene.angle)
        turned = points @ np.array([[cosine, sine], [-sine, cosine]])
        return np.asarray((turned * scene.radius + np.asarray(scene.centre)) * len(self.u))


def frame_of(scene: Scene, size: int) -> Frame:
    """Return the part's coordinates of every pixel centre of a `size` x `size` image."""
    ticks = (np.arange(size, dtype=np.float32) + 0.5) / size
    x = (ticks[None, :] - scene.centre[0]) / scene.radius
    y = (ticks[:, None] - scene.centre[1]) / scene.radius
    cosine, sine = np.cos(scene.angle), np.sin(scene.angle)
    u = (cosine * x + sine * y).astype(np.float32)
    v = (cosine * y - sine * x).astype(np.float32)
    pixel = 1 / (scene.radius * size)
    return Frame(u=u, v=v, r=np.hypot(u, v), theta=np.arctan2(v, u), pixel=pixel, scene=scene)
