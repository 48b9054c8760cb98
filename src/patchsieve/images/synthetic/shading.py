"""Light falls on a part that lies on the conveyor: part and scene in, linear RGB out, then the camera's picture.

Turned metal is lit as hair is (Kajiya and Kay 1989): its fine rings spread a highlight across themselves, which
gives the bright fans that turn with the light and not with the part.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from patchsieve.images.synthetic.part import CHAMFER, GASKET_RADIUS, GASKET_WIDTH, Part, coverage
from patchsieve.images.synthetic.scene import Frame, Plane, Scene

_STEEL = np.array([0.93, 0.95, 0.98], dtype=np.float32)
_RUBBER = np.array([0.68, 0.155, 0.025], dtype=np.float32)
_BELT = np.array([0.030, 0.047, 0.064], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Grain:
    """Texture that no two photographs share, float32 `[S, S]`, zero mean.

    Attributes:
        turning: the lathe's rings on the metal, about unit variance.
        belt: weave and wear of the conveyor, about 0.1 in standard deviation.
    """

    turning: Plane
    belt: Plane


def draw_grain(rng: np.random.Generator, frame: Frame) -> Grain:
    """Draw the metal's rings and the conveyor's surface."""
    return Grain(turning=_turning(rng, frame), belt=_belt_texture(rng, frame))


def _turning(rng: np.random.Generator, frame: Frame) -> Plane:
    # A table over (radius, angle), long in angle: rings break off and begin anew as real feed marks do.
    rings, sectors = int(1.45 / frame.pixel) + 2, 96
    fine = rng.standard_normal((rings, sectors), dtype=np.float32)
    fine = ndimage.gaussian_filter(fine, (0.6, 7.0), mode=("nearest", "wrap"))
    coarse = ndimage.gaussian_filter1d(rng.standard_normal(rings, dtype=np.float32), 5)[:, None]
    table = fine / fine.std() + 0.7 * coarse / coarse.std()
    row = np.clip((frame.r / np.float32(frame.pixel)).astype(np.int32), 0, rings - 1)
    column = ((frame.theta + np.float32(np.pi)) * np.float32(sectors / (2 * np.pi))).astype(
        np.int32
    ) % sectors
    return np.asarray(table[row, column], dtype=np.float32)


def _belt_texture(rng: np.random.Generator, frame: Frame) -> Plane:
    size = len(frame.u)
    ticks = np.arange(size, dtype=np.float32) * np.float32(2 * np.pi * 44 / size)
    phase = rng.uniform(0, 2 * np.pi, size=2)
    weave = np.sin(ticks + phase[0])[None, :] * np.sin(ticks + phase[1])[:, None]
    noise = rng.standard_normal((size, size), dtype=np.float32)
    patches = Image.fromarray(rng.standard_normal((9, 9), dtype=np.float32))
    wear = np.asarray(patches.resize((size, size), Image.Resampling.BICUBIC))
    return np.asarray(0.12 * weave + 0.08 * noise + 0.05 * wear, dtype=np.float32)


def light_part(part: Part, grain: Grain) -> Plane:
    """Return the scene's linear RGB `[S, S, 3]` as it enters the lens."""
    frame, scene = part.frame, part.frame.scene
    plate = coverage(part.distance, frame.pixel)
    nx, ny = _slopes(part)
    lx, ly = np.float32(np.cos(scene.light)), np.float32(np.sin(scene.light))
    facing = nx * lx + ny * ly
    sheen = np.exp(-40 * ((nx - 0.30 * lx) ** 2 + (ny - 0.30 * ly) ** 2))
    rubber = (0.42 + 0.85 * np.clip(facing + 0.35, 0, 1.2))[..., None] * (_RUBBER * np.float32(scene.dye))
    rubber += (0.16 * sheen)[..., None]
    belt = ((1 + grain.belt) * _shade(plate, scene))[..., None] * _BELT
    strand = np.asarray(part.litter_colour, dtype=np.float32)
    image = _metal(part, grain, (nx, ny), facing)[..., None] * part.tint
    image *= _STEEL
    image = _over(_over(rubber, image, part.gasket), belt, plate)
    return _over(strand, image, part.litter)


def _over(above: Plane, below: Plane, share: Plane) -> Plane:
    """Lay one colour `[S, S, 3]` or `[3]` over another where its share `[S, S]` says so."""
    mixed = above - below
    mixed *= share[..., None]
    mixed += below
    return mixed


def _slopes(part: Part) -> tuple[Plane, Plane]:
    """Return the surface normal's x and y on the screen."""
    frame = part.frame
    across = (frame.r - np.float32(GASKET_RADIUS)) / np.float32(GASKET_WIDTH / 2)
    bead = np.sqrt(np.clip(1 - across * across, 0, 1)) * np.float32(0.035)
    chamfer = np.clip(part.distance + np.float32(CHAMFER), 0, CHAMFER)
    height = part.relief + part.gasket * bead - chamfer
    dy, dx = np.gradient(height, frame.pixel)
    steep = np.sqrt(1 + dx * dx + dy * dy)
    return -dx / steep, -dy / steep


def _metal(part: Part, grain: Grain, normal: tuple[Plane, Plane], facing: Plane) -> Plane:
    """Return the metal's grey radiance: dim surroundings, a softbox, and the fans of two lamps."""
    frame, scene, (nx, ny) = part.frame, part.frame.scene, normal
    angle = frame.theta + np.float32(scene.angle)
    tx, ty = -np.sin(angle), np.cos(angle)
    fans = np.zeros_like(nx)
    for azimuth, strength, width in ((scene.light, 0.52, 9.0), (scene.light + 1.9, 0.20, 16.0)):
        hx, hy = scene.grazing * np.cos(azimuth), scene.grazing * np.sin(azimuth)
        off = tx * (np.float32(hx) - nx) + ty * (np.float32(hy) - ny)
        fans += np.float32(strength) * np.exp(np.float32(-width) * off * off)
    surroundings = np.clip(0.13 + 0.75 * facing, 0.02, 0.8)
    return np.asarray((surroundings + fans) * (1 + np.float32(0.07) * grain.turning), dtype=np.float32)


def _shade(plate: Plane, scene: Scene) -> Plane:
    """Return how much light the belt gets under the part's cast shadow, 0 to 1."""
    size = len(plate)
    reach = 0.030 * size * scene.grazing
    offset = (round(-reach * np.sin(scene.light)), round(-reach * np.cos(scene.light)))
    # Half of the light that the plate takes comes from all around: what lies deep in a hole stays dim.
    cast = ndimage.gaussian_filter(np.roll(plate, offset, axis=(0, 1)), 0.010 * size, truncate=3)
    around = ndimage.uniform_filter(plate, max(3, round(0.05 * size)))
    return np.asarray((1 - np.float32(0.75) * cast) * (1 - np.float32(0.7) * around))


def develop(linear: Plane, scene: Scene) -> Plane:
    """Return what a noiseless camera shows, float32 `[S, S, 3]` in 8-bit levels 0 to 255."""
    size = len(linear)
    ticks = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    falloff = 1 - np.float32(2 * scene.vignette) * (ticks[:, None] ** 2 + ticks[None, :] ** 2)
    balance = np.array([1 + scene.warmth, 1, 1 - 1.3 * scene.warmth], dtype=np.float32)
    light = linear * (np.float32(1.45 * scene.exposure) * falloff)[..., None] * balance
    light = ndimage.gaussian_filter(light, (scene.blur * size, scene.blur * size, 0), truncate=3)
    # A soft shoulder keeps highlights from clipping; the square root stands for the display's gamma.
    return np.asarray(255 * np.sqrt(1 - np.exp(-1.25 * light)), dtype=np.float32)


def expose(clean: Plane, scene: Scene, rng: np.random.Generator) -> Plane:
    """Return the clean picture with the sensor's noise, pixel by pixel, in 8-bit levels."""
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    return np.asarray(
        clean + np.float32(scene.grain) * np.sqrt(0.35 + clean * np.float32(0.65 / 128)) * noise
    )
