"""The fixed parts of every image from a car: the car's own hood, and the image border."""

import math
import random

import numpy as np

from data.streets.canvas import Canvas
from data.streets.identity import EGO_VEHICLE, OUT_OF_ROI
from data.streets.light import Light

_PAINTS = ((30, 31, 34), (88, 90, 94), (150, 152, 154), (26, 32, 52), (80, 22, 26))
_LAYER = 3.0  # canvas pixels; the shading of the hood goes in steps of this height


def draw_hood(canvas: Canvas, light: Light, rng: random.Random) -> None:
    """Draws the hood along the lower edge; some cameras do not see it."""
    if rng.random() < 0.25:
        return
    height, width = canvas.ids.shape
    reference = max(width, 1.5 * height)
    depth, sag = rng.uniform(0.025, 0.06) * reference, rng.uniform(0.03, 0.06) * reference
    middle, paint = width * rng.uniform(0.47, 0.53), rng.choice(_PAINTS)
    curve = []
    for step in range(-20, 21):
        across = 1.1 * step / 20
        drop = sag * (across**2 + 6.6 * max(abs(across) - 0.8, 0.0) ** 1.5)
        curve.append((middle + across * reference * 0.55, height - depth + drop))
    layers = max(6, round(depth / _LAYER))
    for layer in range(layers):
        part = layer / layers
        mirrored = 0.55 * (1 - part) ** 2  # of the sky, most where the hood bends away
        color = [
            min(255.0, own * (sky + 0.4 * sun) * (1 - mirrored) + above * 0.8 * mirrored)
            for own, sky, sun, above in zip(paint, light.sky, light.sun, light.skyline)
        ]
        outline = [(u, v + part * depth * 1.1) for u, v in curve]
        outline += [(curve[-1][0], height + 9.0), (curve[0][0], height + 9.0)]
        canvas.fill(outline, color, EGO_VEHICLE if layer == 0 else None)
    bright = [min(255.0, part * 1.4 + 14) for part in paint]
    for side in (-1, 1):
        u, v, thick = middle + side * 0.30 * reference, height - depth + 0.36 * sag, max(1.0, height / 300)
        end, length = (middle + side * 0.36 * reference, height + 4.0), math.hypot(0.06 * reference, depth)
        offset = (thick * depth / length, thick * 0.06 * reference / length)
        ridge = [(u, v), end, (end[0] + offset[0], end[1] + offset[1]), (u + offset[0], v + offset[1])]
        canvas.fill(ridge, bright)


def mark_border(ids: np.ndarray, rng: random.Random) -> None:
    """Marks a thin frame as outside the region of interest, as Cityscapes does where rectification cut."""
    if rng.random() < 0.4:
        return
    rim = max(1, round(ids.shape[0] / 200))
    ids[:rim], ids[-rim:], ids[:, :rim], ids[:, -rim:] = (OUT_OF_ROI,) * 4
