"""Rendering of segmentations as colors, shared by all outputs of this project."""

from collections.abc import Sequence

import numpy as np

Color = tuple[int, int, int]  # RGB, 0 to 255


def colorize(labels: np.ndarray, colors: Sequence[Color] | np.ndarray) -> np.ndarray:
    """Colors train ids: uint8 [H, W] -> uint8 [H, W, 3] RGB. Ids without a color (255: ignored) are black."""
    return _table(colors)[labels]


def overlay(
    image: np.ndarray, labels: np.ndarray, colors: Sequence[Color] | np.ndarray, opacity: float = 0.5
) -> np.ndarray:
    """Blends class colors over an image: uint8 [H, W, 3], train ids uint8 [H, W] -> uint8 [H, W, 3] RGB.

    `opacity` 0 shows the image alone, 1 the colors alone. Pixels whose train id has no color
    (255: ignored) keep the image's color.
    """
    share = np.full(256, round(256 * opacity), np.uint16)
    share[len(colors) :] = 0
    # Shares are in 256ths, so that the largest sum, 255 x 256, fits into 16 bits.
    colored = (_table(colors) * share[:, None]).astype(np.uint16)
    blended = image * (256 - share)[labels][..., None] + colored[labels]
    return (blended >> 8).astype(np.uint8)


def _table(colors: Sequence[Color] | np.ndarray) -> np.ndarray:
    """uint8 [256, 3]: the color of every possible train id."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors)] = np.asarray(colors, np.uint8).reshape(-1, 3)
    return table
