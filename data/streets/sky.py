"""The sky and what stands on the horizon."""

import random

import cv2
import numpy as np

from data.streets import texture
from data.streets.canvas import Canvas
from data.streets.identity import BUILDING, SKY, VEGETATION
from data.streets.light import Light

_CLOUD_HEIGHT = 0.22  # how fast clouds crowd together towards the horizon
_GRID = 4  # canvas pixels between two computed points of the sky


def draw_sky(canvas: Canvas, light: Light, rng: random.Random) -> None:
    """Fills the canvas down to the horizon with a graded sky, clouds and the glow around the sun."""
    camera = canvas.camera
    bottom = min(camera.height, int(camera.horizon) + 2)
    rows, columns = max(2, bottom // _GRID), max(2, camera.width // _GRID)
    up = (camera.horizon - (np.arange(rows, dtype=np.float32) + 0.5) * bottom / rows) / camera.focal
    side = ((np.arange(columns, dtype=np.float32) + 0.5) * camera.width / columns - camera.center) / camera.focal
    up = np.maximum(up, 0.0)[:, None]
    height = np.minimum(up / 0.5, 1.0)[..., None] ** 0.65
    zenith, skyline = np.array(light.zenith, np.float32), np.array(light.skyline, np.float32)
    sky = np.repeat(skyline + (zenith - skyline) * height, columns, axis=1)
    x, y, z = light.direction
    if z > 0.05 and light.sun[0] > 0.1:
        away = (side[None, :] - x / z) ** 2 + (up - y / z) ** 2
        glow = (0.55 * np.exp(-away / 0.10) + 0.6 * np.exp(-away / 0.006))[..., None]
        sky += (np.array((255, 244, 216), np.float32) - sky) * np.minimum(glow * min(1.0, light.sun[0]), 1.0)
    _add_clouds(sky, light, rng, side[None, :], up)
    small = np.clip(sky, 0, 255).astype(np.uint8)
    cv2.resize(small, (camera.width, bottom), dst=canvas.color[:bottom], interpolation=cv2.INTER_LINEAR)
    canvas.ids[:bottom] = SKY


def _add_clouds(sky: np.ndarray, light: Light, rng: random.Random, side: np.ndarray, up: np.ndarray) -> None:
    stretch = rng.uniform(50, 90) / (up + _CLOUD_HEIGHT)
    across = (side * stretch + rng.uniform(0, texture.SIZE)).astype(np.float32)
    along = np.broadcast_to((stretch * 1.6 + rng.uniform(0, texture.SIZE)).astype(np.float32), across.shape)
    field = texture.fractal(1.75)
    density = texture.look_up(field, across, along)
    towards_sun = texture.look_up(field, across + np.float32(6 * light.direction[0]), along - np.float32(6))
    amount = np.clip((density + 2.4 * (light.clouds - 0.5)) * 0.9, 0, 1)
    relief = 1 + np.clip((density - towards_sun) * 0.22, -0.13, 0.13)
    cover = amount * (0.92 - 0.35 * np.exp(-up / 0.06))
    sky += (np.array(light.cloud_color, np.float32) * relief[..., None] - sky) * cover[..., None]


def draw_skyline(canvas: Canvas, light: Light, rng: random.Random) -> None:
    """Draws the horizon: woods and roofs, pale with distance."""
    camera = canvas.camera
    distance = rng.uniform(230, 400)
    unit = camera.focal / distance
    for layer, kind in enumerate(rng.sample(("wood", "wood", "roofs"), k=2)):
        edge, top = 0.0, rng.uniform(4, 12)
        outline = [(0.0, camera.horizon + 2)]
        while edge < camera.width:
            if kind == "wood":
                step = rng.uniform(2, 6)
                top = min(16.0, max(3.0, top + rng.gauss(0, 1.6)))
                outline.append((edge, camera.horizon - top * unit))
            else:
                step = rng.uniform(8, 24)
                top = rng.choice((0, 5, 7, 9, 12, 15, 22)) * rng.uniform(0.8, 1.2)
                outline += [
                    (edge, camera.horizon - top * unit),
                    (edge + step * unit, camera.horizon - top * unit),
                ]
            edge += step * unit
        outline.append((camera.width + 2.0, camera.horizon + 2))
        color = (74, 92, 62) if kind == "wood" else (128, 116, 108)
        shaded = light.shade(color, (0, 0.3, -1.0), distance * (1.4 - 0.5 * layer), 0.5)
        canvas.fill(outline, shaded, VEGETATION if kind == "wood" else BUILDING)
