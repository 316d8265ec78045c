"""Trees, bushes and hedges: crowns are drawn from a few foliage stamps that can be relit."""

import functools
import math
import random

import cv2
import numpy as np

from data.streets import texture
from data.streets.canvas import Canvas
from data.streets.identity import VEGETATION
from data.streets.light import RGB, Light

_STAMP = 256  # pixels
_STAMPS_OF_A_SHAPE = 4

GREENS = ((92, 116, 48), (78, 108, 50), (108, 124, 52), (66, 92, 48), (118, 128, 62), (86, 104, 62))
AUTUMN = ((176, 120, 44), (160, 92, 40), (184, 146, 60), (142, 124, 50))
CONIFER = ((54, 82, 52), (48, 74, 56), (62, 86, 58))
_BARK = ((92, 78, 64), (112, 100, 86), (74, 62, 52), (128, 120, 110))


def _clumps(shape: str, rng: np.random.Generator) -> np.ndarray:
    """Balls of leaves (column, row, depth, radius) in a square of side 1; row 1 is the lower edge."""
    count = {"round": 34, "tall": 34, "conifer": 70, "bush": 26}[shape]
    angle = rng.random(count) * 2 * math.pi
    if shape == "conifer":
        along = np.sqrt(rng.random(count))
        reach = 0.36 * along
        column, depth = 0.5 + reach * np.cos(angle), reach * np.sin(angle)
        row = 0.07 + 0.84 * along
        radius = 0.03 + 0.06 * along
        return np.stack((column, row, depth, radius), axis=1)
    reach = np.sqrt(rng.random(count)) * 0.35
    wide, high, middle = {"round": (1.0, 0.95, 0.5), "tall": (0.6, 1.1, 0.5), "bush": (1.05, 0.7, 0.64)}[shape]
    column = 0.5 + reach * np.cos(angle) * wide
    row = middle + reach * np.sin(angle) * high
    depth = rng.random(count) * np.sqrt(0.16 - reach**2)
    return np.stack((column, row, depth, rng.uniform(0.08, 0.15, count)), axis=1)


@functools.cache
def _stamps(shape: str) -> tuple[tuple[np.ndarray, ...], ...]:
    """Foliage stamps uint8 [n, n, 3], each in successively halved sizes n from 256.

    Channels: light from the sky, light from a sun at the upper right, opacity.
    """
    stamps = []
    axis = (np.arange(_STAMP, dtype=np.float32) + 0.5) / _STAMP
    for number in range(_STAMPS_OF_A_SHAPE):
        ragged = texture.cut(texture.fractal(0.9, 1), _STAMP, _STAMP, 97 * number, 61 * number)
        leaves = texture.cut(texture.fractal(0.45, 2), _STAMP, _STAMP, 53 * number, 31 * number)
        columns = axis[None, :] + 0.016 * ragged
        rows = axis[:, None] + 0.016 * np.roll(ragged, 41, axis=0)
        surface = np.full((_STAMP, _STAMP), -0.3, np.float32)
        edge = np.full((_STAMP, _STAMP), -1.0, np.float32)
        clumps = _clumps(shape, np.random.default_rng((number, len(shape)))).astype(np.float32)
        for column, row, depth, radius in clumps:
            inside = radius**2 - (columns - column) ** 2 - (rows - row) ** 2
            surface = np.maximum(surface, np.where(inside > 0, depth + np.sqrt(np.maximum(inside, 0)), -0.3))
            edge = np.maximum(edge, inside / radius**2)
        smooth = cv2.GaussianBlur(surface, (0, 0), 2.0) + 0.006 * leaves
        right = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=_STAMP / 8)
        down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=_STAMP / 8)
        steep = np.sqrt(right**2 + down**2 + 1)
        sunny = (0.65 * down - 0.55 * right + 0.45) / steep + 0.06 * leaves
        hollow = surface - cv2.GaussianBlur(surface, (0, 0), 14)
        open_sky = 0.62 + 1.6 * hollow + 0.16 * (1 - rows) + 0.22 * down / steep + 0.05 * leaves
        solid = np.clip(edge + 0.10 * leaves + 0.02, -0.5, 0.5) + 0.5
        sizes = [(np.clip(np.stack((open_sky, sunny, solid), axis=-1), 0, 1) * 255).astype(np.uint8)]
        while len(sizes) < 4:
            sizes.append(cv2.resize(sizes[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        stamps.append(tuple(sizes))
    return tuple(stamps)


def _tint(light: Light, color: RGB, distance: float, sunlit: float) -> np.ndarray:
    """The matrix float [3, 4] that maps a stamp's channels to the color of leaves under `light`."""
    clear = math.exp(-distance / light.haze_distance)
    sun = 1.25 * sunlit * (1.0 - 0.45 * max(0.0, light.direction[2]))
    return np.array(
        [
            (leaf * sky * 1.15 * clear / 255, leaf * warm * part * sun * clear / 255, 0.0, haze * (1 - clear))
            for leaf, sky, part, warm, haze in zip(color, light.sky, light.sun, (1.12, 1.06, 0.8), light.haze)
        ]
    )


def leaf_color(rng: random.Random, shape: str = "round") -> RGB:
    """The color of a plant's leaves, mostly some green."""
    choices = CONIFER if shape == "conifer" else AUTUMN if rng.random() < 0.10 else GREENS
    brightness = rng.uniform(0.85, 1.15)
    return tuple(part * brightness for part in rng.choice(choices))


def draw_crown(
    canvas: Canvas, light: Light, rng: random.Random, shape: str, foot: tuple[float, float, float],
    size: tuple[float, float], color: RGB, sunlit: float,
) -> None:  # fmt: skip
    """Draws foliage of `size` (width, height) meters whose lower edge stands at the street point `foot`."""
    column, row = canvas.camera.pixel(*foot)
    unit = canvas.camera.scale(foot[2])
    width, height = size[0] * unit / 0.86, size[1] * unit / 0.86
    row += height * 0.06
    half = -width / 2 if light.direction[0] < 0 else width / 2
    tint = _tint(light, color, foot[2], sunlit)
    canvas.stamp(rng.choice(_stamps(shape)), (column - half, row - height, column + half, row), tint, VEGETATION)


def draw_tree(
    canvas: Canvas,
    light: Light,
    rng: random.Random,
    s: float,
    z: float,
    height: float,
    shape: str,
    sunlit: float,
) -> None:
    """Draws a tree: a trunk that forks, a crown and, where it is near, smaller crowns before it."""
    color = leaf_color(rng, shape)
    slender, bare = {
        "conifer": (rng.uniform(0.35, 0.5), 0.06),
        "tall": (rng.uniform(0.28, 0.4), 0.12),
        "round": (rng.uniform(0.55, 0.8), rng.uniform(0.24, 0.34)),
    }[shape]
    width, bare = slender * height, bare * height
    lean = rng.gauss(0, 0.015) * height
    bark = rng.choice(_BARK)
    pixels = canvas.camera.scale(z) * height
    _draw_trunk(canvas, light, rng, (s, z), bare + 0.3 * height, 0.016 * height + 0.06, lean, bark, sunlit)
    draw_crown(canvas, light, rng, shape, (s + lean, bare, z), (width, height - bare), color, sunlit)
    if shape == "round" and pixels > 0.4 * canvas.camera.height:
        for _ in range(rng.randint(2, 4)):
            small = rng.uniform(0.38, 0.55)
            brightness = rng.uniform(0.9, 1.1)
            foot = (
                s + lean + rng.uniform(-0.32, 0.32) * width,
                bare + rng.uniform(-0.03, 0.55) * (height - bare),
                z,
            )
            size = (width * small, (height - bare) * small * 0.8)
            draw_crown(canvas, light, rng, shape, foot, size, tuple(c * brightness for c in color), sunlit)


def _draw_trunk(
    canvas: Canvas, light: Light, rng: random.Random, foot: tuple[float, float], height: float, radius: float,
    lean: float, bark: RGB, sunlit: float,
) -> None:  # fmt: skip
    """Draws a trunk with two branches, each with a lit and a dark side."""
    s, z = foot
    limbs = [(s, 0.0, s + lean * 0.6, height * 0.62, radius * 1.15, radius * 0.8)]
    for side in (-1, 1):
        tip = s + lean + side * rng.uniform(0.12, 0.3) * height
        limbs.append((s + lean * 0.5, height * 0.5, tip, height * rng.uniform(1.0, 1.25), radius * 0.7, radius * 0.3))
    fine = canvas.camera.scale(z) * radius > 3.5
    for left, side, identity in ((-1.0, -0.6, VEGETATION), (0.1, 0.8, None))[: 2 if fine else 1]:
        shaded = light.shade(bark, (side, 0.0, -0.6), z, sunlit)
        for s0, y0, s1, y1, r0, r1 in limbs[: 3 if fine else 1]:
            corners = ((s0 + left * r0, y0, z), (s0 + r0, y0, z), (s1 + r1, y1, z), (s1 + left * r1, y1, z))
            canvas.polygon(corners, shaded, identity)


def draw_hedge(
    canvas: Canvas, light: Light, rng: random.Random, s: float, z0: float, z1: float, height: float,
    leaves: RGB, sunlit: float,
) -> None:  # fmt: skip
    """A clipped hedge along the street: a flat body behind a row of foliage."""
    outwards = math.copysign(1.0, s)
    front = ((s, 0.0, z0), (s, 0.0, z1), (s, height * 0.7, z1), (s, height * 0.7, z0))
    dark = tuple(part * 0.7 for part in leaves)
    canvas.polygon(front, light.shade(dark, (-outwards, 0.1, -0.2), (z0 + z1) / 2, sunlit), VEGETATION)
    z = z1
    while z > z0:
        brightness = rng.uniform(0.9, 1.06)
        size = (1.5, height * rng.uniform(0.96, 1.06))
        tone = tuple(part * brightness for part in leaves)
        draw_crown(canvas, light, rng, "bush", (s + outwards * 0.35, 0.0, z), size, tone, sunlit)
        z -= 0.9 if z < 25 else 2.0
