"""Figures built of balls: each limb is the hull around two or more of them, at any heading."""

import dataclasses
import math
import random
from collections.abc import Sequence

import cv2
import numpy as np

from data.streets.canvas import SHIFT, Canvas, fixed_point
from data.streets.light import RGB, Light

Ball = tuple[float, float, float, float]  # x to the right, y up, z ahead, radius: meters

_CIRCLE = np.stack([(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 11)[:-1]]).astype(np.float32)
_DETAILED = 22.0  # canvas pixels per meter; above, figures show small limbs
_ROUND = 4.5  # canvas pixels; thinner limbs get no lit side
_RIM_POINTS = 20


@dataclasses.dataclass(frozen=True)
class Limb:
    """A convex part of a figure around its balls, in one color. Distant figures omit small parts."""

    balls: tuple[Ball, ...]
    color: RGB
    small: bool = False


@dataclasses.dataclass(frozen=True)
class Wheels:
    """Two wheels: (y, z) of their hubs, radius, the tyre's thickness, whether one sees through them."""

    hubs: tuple[tuple[float, float], ...]
    radius: float
    tyre: float
    spoked: bool


@dataclasses.dataclass(frozen=True)
class Stand:
    """Where a figure stands: street point, heading (0 looks ahead), size as a factor, share of the sun."""

    s: float
    z: float
    turn: float
    size: float
    sunlit: float


def vary(rng: random.Random, color: RGB) -> RGB:
    """The color, a little brighter or darker."""
    brighter = rng.uniform(0.85, 1.15)
    return tuple(part * brighter for part in color)


def _to_world(canvas: Canvas, stand: Stand, local: np.ndarray) -> np.ndarray:
    """World coordinates float32 [N, 3] of a figure's own."""
    angle = stand.turn + canvas.camera.heading(stand.z)
    cosine, sine = math.cos(angle) * stand.size, math.sin(angle) * stand.size
    turned = np.array(((cosine, 0, -sine), (0, stand.size, 0), (sine, 0, cosine)), np.float32)
    return local @ turned + np.array(canvas.camera.world(stand.s, stand.z), np.float32)


def draw_limbs(canvas: Canvas, light: Light, limbs: Sequence[Limb], stand: Stand, identity: int) -> None:
    """Draws a figure, far limbs first."""
    unit = canvas.camera.scale(stand.z)
    if unit < _DETAILED:
        limbs = [limb for limb in limbs if not limb.small]
    balls = np.array([ball for limb in limbs for ball in limb.balls], np.float32)
    world = _to_world(canvas, stand, balls[:, :3])
    pixels = canvas.camera.world_pixels(world)
    if pixels[:, 0].max() < 0 or pixels[:, 0].min() > canvas.camera.width:
        return
    radii = np.maximum(balls[:, 3] * (unit * stand.size), 0.6)
    round_ = radii.max() > _ROUND
    outlines = fixed_point(pixels[:, None, :] + radii[:, None, None] * _CIRCLE)
    towards_sun = np.array((math.copysign(0.28, light.direction[0]), -0.16), np.float32)
    lit_sides = fixed_point((pixels + radii[:, None] * towards_sun)[:, None] + 0.62 * radii[:, None, None] * _CIRCLE)
    parts, depths, start = [], [], 0
    for limb in limbs:
        end = start + len(limb.balls)
        parts.append(slice(start, end))
        depths.append(float(world[start:end, 2].sum()) / len(limb.balls))
        start = end
    normal = np.array(((math.copysign(0.25, light.direction[0]), 0.35, -0.9),), np.float32)
    colors = light.shade_all(np.array([limb.color for limb in limbs], np.float32), normal, stand.z, stand.sunlit)
    dark, bright = (colors * 0.8).tolist() if round_ else colors.tolist(), (colors * 1.1).tolist()
    for index in sorted(range(len(limbs)), key=lambda index: -depths[index]):
        part = parts[index]
        canvas.fill_fixed(_hull(outlines[part]), dark[index], identity)
        if round_ and radii[part.start] > _ROUND / 2:
            canvas.fill_fixed(_hull(lit_sides[part]), bright[index])


def _hull(circles: np.ndarray) -> np.ndarray:
    return cv2.convexHull(circles.reshape(-1, 2))


def draw_wheels(canvas: Canvas, light: Light, wheels: Wheels, stand: Stand, identity: int) -> None:
    """Draws wheels. Gaps between spokes have the wheel's label, as in Cityscapes."""
    unit = canvas.camera.scale(stand.z) * stand.size
    tyre = light.shade((30, 30, 32), (0.0, 0.3, -0.9), stand.z, stand.sunlit)
    metal = light.shade((146, 148, 150), (0.0, 0.3, -0.9), stand.z, stand.sunlit)
    around = np.linspace(0, 2 * math.pi, _RIM_POINTS, endpoint=False, dtype=np.float32)
    ring = np.zeros((_RIM_POINTS, 3), np.float32)
    half = max(wheels.tyre * unit / 2, 0.5)
    for y, ahead in wheels.hubs:
        ring[:, 1], ring[:, 2] = y + wheels.radius * np.sin(around), ahead + wheels.radius * np.cos(around)
        rim = canvas.camera.world_pixels(_to_world(canvas, stand, ring))
        outline = _hull(fixed_point(rim[:, None, :] + half * _CIRCLE))
        if wheels.spoked:
            canvas.fill_fixed(outline, None, identity)
            fixed = fixed_point(rim)
            if unit * wheels.radius > 18:
                spokes = [fixed[[index, index + _RIM_POINTS // 2]] for index in range(0, _RIM_POINTS // 2, 2)]
                cv2.polylines(canvas.color, spokes, False, metal, 1, cv2.LINE_AA, SHIFT)
            cv2.polylines(canvas.color, [fixed], True, tyre, max(1, round(2 * half)), cv2.LINE_AA, SHIFT)
        else:
            canvas.fill_fixed(outline, tyre, identity)
            middle = rim.mean(axis=0)
            canvas.fill_fixed(fixed_point(middle + (rim - middle) * 0.55), metal)
