"""From a seed to a photograph and the exact mask of its defect."""

import numpy as np
import numpy.typing as npt

from patchsieve.errors import ConfigError
from patchsieve.images.synthetic.defects import DEFECTS
from patchsieve.images.synthetic.part import Part, sound_part
from patchsieve.images.synthetic.scene import Plane, Scene, draw_scene, frame_of
from patchsieve.images.synthetic.shading import Grain, develop, draw_grain, expose, light_part

DEFECT_KINDS: tuple[str, ...] = tuple(DEFECTS)
"""Names of the kinds of defect that can be rendered."""

CHANGE = 6.0
"""A pixel belongs to a defect when the defect moves one of its channels by more than this many 8-bit levels."""

SMALLEST_SIZE = 64
SMALLEST_SHARE = 5e-4
"""A defect that changes a smaller share of the image than this (33 pixels of 256 x 256) is drawn anew."""


def render_part(
    seed: int, size: int = 256, defect: str | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Photograph one part.

    The seed fixes the scene: pose, light, texture, lens and the sensor's noise are the same with and without a
    defect. The mask is the set of pixels whose noiseless picture the defect moves by more than `CHANGE` levels in
    some channel; all other pixels are exactly those of the sound part under the same seed.

    Args:
        seed: any non-negative integer; the same seed gives the same bytes on the same machine.
        size: side of the image in pixels, at least 64.
        defect: one of `DEFECT_KINDS`, or None for a sound part.

    Returns:
        The picture, uint8 RGB `[size, size, 3]`, and the mask, bool `[size, size]`, all False for a sound part.

    Raises:
        ConfigError: the kind is unknown, the size too small or the seed negative.
    """
    clean, mask, scene = render_clean(seed, size, defect)
    noisy = expose(clean, scene, np.random.default_rng([seed, 1]))
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8), mask


def render_clean(seed: int, size: int, defect: str | None) -> tuple[Plane, npt.NDArray[np.bool_], Scene]:
    """Return the picture before the sensor's noise, float32 `[S, S, 3]` in 8-bit levels, its mask and its scene.

    Raises:
        ConfigError: as for `render_part`.
    """
    _check(seed, size, defect)
    rng = np.random.default_rng([seed, 0])
    scene = draw_scene(rng)
    frame = frame_of(scene, size)
    grain = draw_grain(rng, frame)
    sound = sound_part(frame)
    clean = _picture(sound, grain)
    if defect is None:
        return clean, np.zeros((size, size), dtype=bool), scene
    chances = np.random.default_rng([seed, 2])
    mask = np.zeros((size, size), dtype=bool)
    while mask.mean() < SMALLEST_SHARE:
        part = sound.copy()
        DEFECTS[defect](part, chances)
        damaged = _picture(part, grain)
        red, green, blue = np.moveaxis(np.abs(damaged - clean) > CHANGE, 2, 0)
        mask = red | green | blue
    return np.where(mask[..., None], damaged, clean), mask, scene


def _picture(part: Part, grain: Grain) -> Plane:
    return develop(light_part(part, grain), part.frame.scene)


def _check(seed: int, size: int, defect: str | None) -> None:
    if seed < 0:
        raise ConfigError(f"the seed of a synthetic image cannot be negative, got {seed}")
    if size < SMALLEST_SIZE:
        raise ConfigError(f"synthetic images are at least {SMALLEST_SIZE} pixels wide, got {size}")
    if defect is not None and defect not in DEFECTS:
        raise ConfigError(f"unknown kind of defect {defect!r}; choose one of {', '.join(DEFECTS)}")
