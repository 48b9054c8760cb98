"""What goes wrong with a part: each kind is one function that takes a sound part and changes the thing itself.

Sizes and strengths are drawn so that some examples leap to the eye and some are subtle. A function may place its
defect where little of it can be seen; the renderer draws again in that case.
"""

from collections.abc import Callable

import numpy as np

from patchsieve.images.synthetic.part import (
    BOLT_ANGLES,
    BOLT_CIRCLE,
    BOLT_RADIUS,
    GASKET_RADIUS,
    GASKET_WIDTH,
    Part,
    coverage,
    plate_distance,
    smoothstep,
)
from patchsieve.images.synthetic.scene import Frame, Plane
from patchsieve.images.synthetic.strokes import Path, bent_path, jagged_path, stroke, tapered

Defect = Callable[[Part, np.random.Generator], None]

_STAINS = ((0.62, 0.33, 0.15), (0.50, 0.44, 0.30), (0.56, 0.66, 0.86), (0.36, 0.35, 0.36))
_FIBRES = ((0.80, 0.80, 0.76), (0.02, 0.02, 0.025), (0.06, 0.16, 0.55), (0.55, 0.03, 0.05))


def _strength(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a contrast between `low` and `high`, weak ones as often as strong ones by ratio."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _on_face(rng: np.random.Generator, low: float = 0.60, high: float = 0.92) -> Path:
    """Draw a point (u, v) on the flange's face, even in area."""
    radius, angle = np.sqrt(rng.uniform(low**2, high**2)), rng.uniform(-np.pi, np.pi)
    return np.array([radius * np.cos(angle), radius * np.sin(angle)])


def _from(frame: Frame, point: Path) -> tuple[Plane, Plane]:
    """Return u and v measured from a point."""
    return frame.u - np.float32(point[0]), frame.v - np.float32(point[1])


def _ragged(rng: np.random.Generator, u: Plane, v: Plane, radius: float, roughness: float) -> Plane:
    """Return the signed distance, about, to a blob around the origin whose outline wavers."""
    angle, outline = np.arctan2(v, u), np.ones_like(u)
    for lobes in range(2, 8):
        phase, height = rng.uniform(0, 2 * np.pi), rng.normal(0, 2 * roughness / lobes)
        outline += np.float32(height) * np.cos(np.float32(lobes) * angle + np.float32(phase))
    return np.asarray(np.hypot(u, v) - np.float32(radius) * np.clip(outline, 0.4, 1.8), dtype=np.float32)


def scratch(part: Part, rng: np.random.Generator) -> None:
    """Draw a tool or a neighbour across the face: a shallow groove, burnished bright or dull."""
    path = bent_path(rng, _on_face(rng, 0.3), rng.uniform(-np.pi, np.pi), rng.uniform(0.25, 0.8), 0.25)
    line = stroke(part.frame, path, tapered(_strength(rng, 0.011, 0.022), len(path), (0.3, 0.3)))
    line *= 1 - 0.8 * part.gasket
    gain = _strength(rng, 0.5, 1.6) if rng.random() < 0.6 else -_strength(rng, 0.35, 0.75)
    part.tint *= (1 + np.float32(gain) * line)[..., None]
    part.relief -= np.float32(_strength(rng, 0.002, 0.006)) * line


def dent(part: Part, rng: np.random.Generator) -> None:
    """Let the part fall on something: a smooth hollow that bends the highlights."""
    u, v = _from(part.frame, _on_face(rng, 0.62, 0.88))
    radius, turn, stretch = _strength(rng, 0.03, 0.07), rng.uniform(0, np.pi), rng.uniform(1, 1.7)
    along = u * np.float32(np.cos(turn)) + v * np.float32(np.sin(turn))
    across = v * np.float32(np.cos(turn)) - u * np.float32(np.sin(turn))
    bowl = np.exp(-0.5 * ((along / (radius * stretch)) ** 2 + (across / radius) ** 2))
    part.relief -= np.float32(_strength(rng, 0.3, 0.95) * radius) * bowl


def stain(part: Part, rng: np.random.Generator) -> None:
    """Let rust, oil, coolant or soot dry on the metal: a tinted blot with a darker rim."""
    u, v = _from(part.frame, _on_face(rng, 0.58, 0.95))
    radius = _strength(rng, 0.06, 0.19)
    distance = _ragged(rng, u, v, radius, 0.20)
    edge = max(0.016, part.frame.pixel)
    inside = 1 - smoothstep(distance, -edge, edge)
    rim = np.exp(-(((distance + np.float32(edge)) / np.float32(1.5 * edge)) ** 2))
    phase = rng.uniform(0, 2 * np.pi, size=2)
    patchy = 0.8 + 0.2 * np.sin(u * (9 / radius * 0.35) + phase[0]) * np.sin(
        v * (7 / radius * 0.35) + phase[1]
    )
    share = np.float32(_strength(rng, 0.28, 0.9)) * inside * np.clip(patchy * 0.8 + 0.35 * rim, 0, 1)
    colour = np.array(_STAINS[rng.integers(len(_STAINS))], dtype=np.float32)
    part.tint *= 1 - share[..., None].astype(np.float32) * (1 - colour)


def crack(part: Part, rng: np.random.Generator) -> None:
    """Split the metal from a bolt hole or from the outer rim: a dark jagged line, often with a branch."""
    angle, length, width = rng.choice(BOLT_ANGLES), rng.uniform(0.16, 0.36), _strength(rng, 0.011, 0.020)
    heading = rng.uniform(-np.pi, np.pi)
    hole = BOLT_CIRCLE * np.array([np.cos(angle), np.sin(angle)])
    start = hole + BOLT_RADIUS * np.array([np.cos(heading), np.sin(heading)])
    if rng.random() < 0.35:
        angle = rng.uniform(-np.pi, np.pi)
        start, heading = np.array([np.cos(angle), np.sin(angle)]), angle + np.pi + rng.normal(0, 0.4)
    path = jagged_path(rng, start, heading, length)
    line = stroke(part.frame, path, tapered(width, len(path), (1.2, 0.5)))
    if rng.random() < 0.6:
        fork = jagged_path(rng, path[6], heading + rng.choice([-0.8, 0.8]), 0.5 * length)
        line = np.maximum(line, stroke(part.frame, fork, tapered(0.8 * width, len(fork), (1, 0.4))))
    part.tint *= (1 - np.float32(_strength(rng, 0.5, 0.95)) * line)[..., None]
    part.relief -= 0.004 * line


def missing_hole(part: Part, rng: np.random.Generator) -> None:
    """Forget to drill one bolt hole, or drill it with too thin a bit."""
    radii = [BOLT_RADIUS] * len(BOLT_ANGLES)
    radii[rng.integers(len(radii))] *= 0.0 if rng.random() < 0.6 else rng.uniform(0.35, 0.65)
    part.distance = plate_distance(part.frame, tuple(radii))


def chipped_edge(part: Part, rng: np.random.Generator) -> None:
    """Break a piece out of the outer rim, leaving a rough fracture."""
    angle, radius = rng.uniform(-np.pi, np.pi), _strength(rng, 0.05, 0.13)
    u, v = _from(part.frame, rng.uniform(0.99, 1.03) * np.array([np.cos(angle), np.sin(angle)]))
    hollow = _ragged(rng, u, v, radius, 0.14)
    part.distance = np.maximum(part.distance, -hollow)
    fracture = 1 - smoothstep(hollow, 0.0, 0.05)
    part.tint *= (1 - 0.45 * fracture)[..., None]


def torn_gasket(part: Part, rng: np.random.Generator) -> None:
    """Tear the gasket: through its whole width, or a nick from one side."""
    angle = rng.uniform(-np.pi, np.pi)
    off = np.remainder(part.frame.theta - np.float32(angle - np.pi), np.float32(2 * np.pi)) - np.float32(
        np.pi
    )
    along, across = off * np.float32(GASKET_RADIUS), part.frame.r - np.float32(GASKET_RADIUS)
    half = _strength(rng, 0.016, 0.085)
    skew, waver = rng.uniform(-0.7, 0.7), rng.uniform(0, 2 * np.pi)
    torn = np.abs(along + skew * across) - half * (1 + 0.25 * np.sin(across * 70 + waver))
    if rng.random() < 0.35:
        side = rng.choice([-1.0, 1.0])
        torn = np.maximum(torn, side * across - rng.uniform(-0.1, 0.2) * GASKET_WIDTH)
    part.gasket = part.gasket * (1 - coverage(torn.astype(np.float32), part.frame.pixel))


def fibre(part: Part, rng: np.random.Generator) -> None:
    """Drop a thread from a cloth or a brush on the part, with the shadow that it casts."""
    path = bent_path(rng, _on_face(rng, 0.2, 0.8), rng.uniform(-np.pi, np.pi), rng.uniform(0.22, 0.6), 1.6)
    # A thread that hangs over the rim would be a defect of the conveyor: it ends on the part.
    path = path[np.hypot(path[:, 0], path[:, 1]) < 0.96]
    widths = tapered(_strength(rng, 0.011, 0.018), len(path), (0.8, 0.8))
    towards = part.frame.scene.light - part.frame.scene.angle
    shadow = stroke(part.frame, path - 0.014 * np.array([np.cos(towards), np.sin(towards)]), 1.5 * widths)
    part.tint *= (1 - 0.35 * shadow)[..., None]
    part.litter = np.float32(_strength(rng, 0.5, 1.0)) * stroke(part.frame, path, widths)
    part.litter_colour = _FIBRES[rng.integers(len(_FIBRES))]


DEFECTS: dict[str, Defect] = {
    kind.__name__: kind
    for kind in (scratch, dent, stain, crack, missing_hole, chipped_edge, torn_gasket, fibre)
}
"""The kinds of defect by name."""
