"""Camera effects: soft focus, vignette, white balance, contrast and noise."""

import functools
import random

import cv2
import numpy as np

from data.streets import texture
from data.streets.canvas import SUPERSAMPLING, Canvas
from data.streets.identity import BUILDING, VEGETATION, WALL

_GREY = (0.299, 0.587, 0.114)
_EXPOSED = 112.0  # the mean brightness that the exposure aims at
_MIDDLE = 110.0  # the brightness that a change of contrast leaves unchanged


def develop(canvas: Canvas, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """The canvas as image uint8 [H, W, 3] RGB and instance ids uint16 [H, W], at the scene's size."""
    height, width = (size // SUPERSAMPLING for size in canvas.ids.shape)
    ids = np.ascontiguousarray(canvas.ids[1::SUPERSAMPLING, 1::SUPERSAMPLING])
    small = cv2.resize(canvas.color, (width, height), interpolation=cv2.INTER_AREA)
    blur = abs(rng.gauss(0, 0.22)) * height / 256
    if blur > 0.25:
        small = cv2.GaussianBlur(small, (0, 0), blur)
    small = cv2.LUT(small, _exposure(rng, float(cv2.mean(small)[1])))
    factor = _grain(ids, rng) * (1 - np.float32(rng.uniform(0.0, 0.16)) * _off_center(height, width))
    image = cv2.multiply(small, cv2.merge((factor, factor, factor)), dtype=cv2.CV_32F)
    image = cv2.transform(image, _tone(rng))
    _add_noise(image, rng)
    return cv2.convertScaleAbs(np.maximum(image, 0, out=image)), ids


@functools.cache
def _roughness() -> np.ndarray:
    """How strong the grain of each label's surface is, float32 [65536]: walls and foliage are rough."""
    amount = np.zeros(1 << 16, np.float32)
    amount[[BUILDING, WALL, VEGETATION]] = 0.03, 0.05, 0.07
    return amount


def _grain(ids: np.ndarray, rng: random.Random) -> np.ndarray:
    """The factor float32 [H, W] of the grain of surfaces."""
    left, top = rng.randrange(texture.SIZE), rng.randrange(texture.SIZE)
    return 1 + texture.cut(texture.doubled(0.75, 6), *ids.shape, left, top) * _roughness()[ids]


@functools.lru_cache(maxsize=4)
def _off_center(height: int, width: int) -> np.ndarray:
    """Fourth power of the distance from the image's middle, float32 [H, W], 1 in the corners."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    return np.square(0.5 * (x * x + y * y))


def _exposure(rng: random.Random, brightness: float) -> np.ndarray:
    """The tone curve uint8 [256] of a camera with automatic exposure, for an image of this mean brightness.

    The curve moves most of the way to middle brightness and preserves gradations in bright areas.
    """
    gain = min(max((_EXPOSED / max(brightness, 1.0)) ** 0.9, 0.8), 2.4) * rng.uniform(0.88, 1.12)
    given = np.arange(256) / 255
    return np.round(255 * given * gain / (1 + (gain - 1) * given)).astype(np.uint8)


def _tone(rng: random.Random) -> np.ndarray:
    """White balance, contrast around middle gray and saturation as a matrix float [3, 4]."""
    warm = rng.gauss(0, 0.03)
    contrast, saturation = rng.uniform(0.96, 1.14), rng.uniform(0.82, 1.15)
    matrix = np.zeros((3, 4))
    for row, gain in enumerate((1 + warm, 1.0, 1 - warm)):
        for column, gray in enumerate(_GREY):
            kept = saturation * (row == column) + (1 - saturation) * gray
            matrix[row, column] = kept * gain * contrast
        matrix[row, 3] = _MIDDLE * (1 - contrast)
    return matrix


@functools.cache
def _noise() -> np.ndarray:
    """Normally distributed numbers float32 [1048573]; every image uses a different segment."""
    return np.random.default_rng(2018).standard_normal(1_048_573, np.float32)


def _add_noise(image: np.ndarray, rng: random.Random) -> None:
    """Adds sensor noise to an image float32 [H, W, 3]."""
    level, noise, flat = rng.uniform(0.8, 3.6), _noise(), image.reshape(-1)
    start = rng.randrange(len(noise))
    done = 0
    while done < len(flat):
        part = noise[start : start + len(flat) - done]
        stretch = flat[done : done + len(part)]
        cv2.scaleAdd(part, level, stretch, stretch)
        done, start = done + len(part), 0
