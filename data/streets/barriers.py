"""Walls, fences, guard rails and bridges."""

import math
import random

import numpy as np

from data.streets.canvas import Canvas
from data.streets.facades import Plane
from data.streets.identity import BRIDGE, FENCE, GUARD_RAIL, WALL
from data.streets.light import RGB, Light

_WALLS = ((150, 146, 138), (146, 86, 66), (178, 168, 148), (196, 190, 178), (120, 116, 110))
_FENCES = ((120, 90, 62), (226, 222, 212), (60, 64, 62), (90, 96, 92), (142, 116, 86))
_SPRAYS = ((190, 60, 80), (60, 110, 180), (220, 220, 220), (60, 150, 100), (40, 40, 46), (220, 170, 50))
_BRIDGES = ((158, 156, 150), (120, 124, 120), (142, 104, 82))
_STEEL = (158, 162, 164)
_BARS = {"pickets": (0.19, 0.12), "rails": (0.22, 0.045), "mesh": (2.4, 0.07)}  # distance and width, meters
_TOWARDS = (0.0, 0.0, -1.0)


class _Strip:
    """A low upright thing along the street, from z0 to z1, drawn piece by piece."""

    def __init__(self, canvas: Canvas, light: Light, s: float, z0: float, z1: float, sunlit: float):
        self.canvas, self.light, self.sunlit = canvas, light, sunlit
        self.inwards = -math.copysign(1.0, s)
        self.plane = Plane(s, max(z0, 1.0), s, z1, (self.inwards, 0.0, 0.0))
        self.distance = 0.6 * max(self.plane.z0, 4.0) + 0.4 * z1

    def shade(self, color: RGB, part: float = 1.0, up: float = 0.0, back: float = 0.0) -> RGB:
        normal = (self.inwards * (1.0 - 0.3 * back), up, -back)
        return self.light.shade(tuple(c * part for c in color), normal, self.distance, self.sunlit)

    def quad(self, u0: float, u1: float, low: float, high: float, color: RGB | None, identity: int | None) -> None:
        outline = self.plane.outline((u0, low), (u1, low), (u1, high), (u0, high))
        self.canvas.polygon(outline, color, identity)

    def bars(self, spacing: float, width: float, low: float, high: float, color: RGB, identity: int | None) -> None:
        """Upright bars all along."""
        z = np.arange(self.plane.z0, self.plane.z1, spacing, dtype=np.float32)
        points = np.empty((len(z), 4, 3), np.float32)
        points[:, :, 0] = self.plane.s0
        points[:, :, 1] = (low, low, high, high)
        points[:, :, 2] = z[:, None] + np.array((0, width, width, 0), np.float32)
        self.canvas.polygons(points, color, identity)


def draw_wall(
    canvas: Canvas,
    light: Light,
    rng: random.Random,
    s: float,
    z0: float,
    z1: float,
    height: float,
    sunlit: float,
) -> None:
    """A free-standing wall along the street, of brick, stone or plaster, sometimes sprayed on."""
    strip = _Strip(canvas, light, s, z0, z1, sunlit)
    brightness = rng.uniform(0.85, 1.05)
    body = tuple(part * brightness for part in rng.choice(_WALLS))
    length, near = strip.plane.length, canvas.camera.scale(strip.plane.z0 + 3) > 40
    top = [strip.plane.point(u, height, out) for u, out in ((0, 0.0), (length, 0.0), (length, -0.35), (0, -0.35))]
    canvas.polygon(top, strip.shade(body, 1.1, up=1.0), WALL)
    strip.quad(0, length, 0.0, height, strip.shade(body), WALL)
    strip.quad(0, length, 0.0, 0.35, strip.shade(body, 0.75), None)
    for row in range(int((height - 0.35) / 0.38) if near else 0):
        level = 0.35 + 0.38 * row
        strip.quad(0, length, level, level + 0.03, strip.shade(body, 0.82), None)
    strip.bars(3.2, 0.07, 0.3, height, strip.shade(body, 0.8), None)
    if rng.random() < 0.3:
        _spray(strip, rng, height)
    strip.quad(0, length, height - 0.16, height + 0.02, strip.shade(body, 1.12, up=0.3), None)


def _spray(strip: _Strip, rng: random.Random, height: float) -> None:
    """Lettering sprayed on a wall."""
    for _ in range(rng.randint(1, 3)):
        u, color, path = rng.uniform(0, max(0.1, strip.plane.length - 3)), rng.choice(_SPRAYS), []
        start = u
        for _ in range(9):
            path.append(strip.plane.point(u, rng.uniform(0.25, 0.85) * height))
            u += rng.uniform(0.05, 0.35)
        if strip.plane.z0 + start > 3:
            thickness = 0.10 * strip.canvas.camera.scale(strip.plane.z0 + start + 1.5)
            strip.canvas.line(path, strip.shade(color), thickness)


def draw_fence(
    canvas: Canvas, light: Light, rng: random.Random, s: float, z0: float, z1: float, height: float,
    sunlit: float, kind: str,
) -> None:  # fmt: skip
    """A fence of "pickets", "rails" or "mesh". Its label covers the gaps too, as in Cityscapes."""
    strip = _Strip(canvas, light, s, z0, z1, sunlit)
    body = (92, 100, 96) if kind == "mesh" else rng.choice(_FENCES)
    color = strip.shade(body, up=0.2, back=0.6)
    length = strip.plane.length
    strip.quad(0, length, 0.0, height, None, FENCE)
    spacing, width = _BARS[kind]
    ends = [canvas.camera.pixel(*strip.plane.point(u, 1.0))[0] for u in (0.0, length)]
    if kind == "mesh":
        _draw_mesh(strip, height, color)
    elif spacing * abs(ends[1] - ends[0]) / length < 1.6:
        spacing, width = spacing * 3, width * 3
    strip.bars(spacing, width, 0.03, height, color, None)
    for level in (0.18 * height, 0.85 * height):
        strip.quad(0, length, level, level + 0.06, tuple(part * 0.88 for part in color), FENCE)


def _draw_mesh(strip: _Strip, height: float, color: RGB) -> None:
    """Diagonal wires, wider apart where they would melt into one another."""
    unit, length = strip.canvas.camera.scale(strip.plane.z0 + 2), strip.plane.length
    step = max(0.14, 9.0 / unit)
    for number in range(int((length + height) / step)):
        start = number * step - height
        u0, u1 = max(start, 0.0), min(start + height, length)
        if u1 > u0:
            low, high = u0 - start, u1 - start
            for y0, y1 in ((low, high), (height - low, height - high)):
                strip.canvas.line((strip.plane.point(u0, y0), strip.plane.point(u1, y1)), color, 1)


def draw_guard_rail(canvas: Canvas, light: Light, s: float, z0: float, z1: float, sunlit: float) -> None:
    """A steel guard rail on posts."""
    strip = _Strip(canvas, light, s, z0, z1, sunlit)
    strip.bars(2.0, 0.12, 0.0, 0.7, strip.shade(_STEEL, 0.6), GUARD_RAIL)
    for low, high, part, up in ((0.42, 0.55, 0.8, -0.3), (0.55, 0.62, 0.6, 0.0), (0.62, 0.76, 1.05, 0.4)):
        strip.quad(0, strip.plane.length, low, high, strip.shade(_STEEL, part, up, 0.2), GUARD_RAIL)


def draw_bridge(canvas: Canvas, light: Light, rng: random.Random, z: float, height: float, half_width: float) -> None:
    """A bridge across the street at the distance `z`, its piers `half_width` meters from the middle."""
    body = rng.choice(_BRIDGES)
    reach = half_width + 50

    def face(s0: float, s1: float, low: float, high: float, part: float) -> None:
        color = light.shade(tuple(c * part for c in body), _TOWARDS, z)
        canvas.polygon(((s0, low, z), (s1, low, z), (s1, high, z), (s0, high, z)), color, BRIDGE)

    face(half_width, half_width + 2.5, 0.0, height, 0.9)
    face(-half_width - 2.5, -half_width, 0.0, height, 0.9)
    under = ((-reach, height, z), (reach, height, z), (reach, height, z + 9), (-reach, height, z + 9))
    canvas.polygon(under, light.shade(tuple(c * 0.42 for c in body), (0.0, -1.0, 0.0), z), BRIDGE)
    face(-reach, reach, height, height + 1.1, 1.0)
    face(-reach, reach, height + 1.1, height + 1.25, 1.12)
    posts = np.zeros((int(2 * reach / 1.6), 4, 3), np.float32)
    posts[:, :, 0] = np.arange(len(posts))[:, None] * 1.6 - reach + np.array((0, 0.07, 0.07, 0))
    posts[:, :, 1], posts[:, :, 2] = height + np.array((1.25, 1.25, 2.2, 2.2)), z
    rail = light.shade((84, 88, 90), _TOWARDS, z)
    canvas.polygons(posts, rail)
    for level in (1.7, 2.15):
        canvas.line(((-reach, height + level, z), (reach, height + level, z)), rail, 0.06 * canvas.camera.scale(z))
