"""Rendering of segmentations as colors, shared by all outputs of this project."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

Color = tuple[int, int, int]  # RGB, 0 to 255
OPACITY = 0.5  # of class colors over an image


def colorize(labels: np.ndarray, colors: Sequence[Color] | np.ndarray) -> np.ndarray:
    """Colors train ids: uint8 [H, W] -> uint8 [H, W, 3] RGB. Ids without a color (255: ignored) are black."""
    return color_table(colors)[labels]


def overlay(
    image: np.ndarray, labels: np.ndarray, colors: Sequence[Color] | np.ndarray, opacity: float = OPACITY
) -> np.ndarray:
    """Blends class colors over an image: uint8 [H, W, 3], train ids uint8 [H, W] -> uint8 [H, W, 3] RGB.

    `opacity` 0 shows the image alone, 1 the colors alone. Pixels whose train id has no color
    (255: ignored) keep the image's color.
    """
    table = color_table(colors)
    share = round(256 * opacity) / 256
    colored = cv2.applyColorMap(labels, np.ascontiguousarray(table[:, None, :]))
    # Rounds down, as integers in 256ths would: r / 256 less 255 / 512 rounds to 0 for all r from 0 to 255.
    blended = cv2.addWeighted(image, 1 - share, colored, share, -255 / 512, dst=colored)
    if labels.size and labels.max() >= len(colors):
        np.copyto(blended, image, where=(labels >= len(colors))[..., None])
    return blended


def legend(names: Sequence[str], colors: Sequence[Color] | np.ndarray) -> np.ndarray:
    """An image uint8 [H, W, 3] RGB that names the color of each train id, one row per class."""
    row, font = 24, cv2.FONT_HERSHEY_SIMPLEX
    texts = [f"{train_id} {name}" for train_id, name in enumerate(names)]
    widest = max((cv2.getTextSize(text, font, 0.5, 1)[0][0] for text in texts), default=0)
    image = np.full((row * len(texts), 2 * row + widest, 3), 255, np.uint8)
    for train_id, (text, color) in enumerate(zip(texts, np.asarray(colors).tolist(), strict=True)):
        top = row * train_id
        cv2.rectangle(image, (4, top + 4), (row + 8, top + row - 4), color, cv2.FILLED)
        cv2.putText(image, text, (row + 16, top + 17), font, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return image


def spare_color(place: int) -> Color:
    """The color of class `place`, from 0, where nothing gives one. The golden ratio spreads any number of hues."""
    hue = 0.618034 * place % 1.0
    lightness, saturation = ((0.5, 0.65), (0.35, 0.6), (0.68, 0.7))[place % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(255 * red), round(255 * green), round(255 * blue)


def color_table(colors: Sequence[Color] | np.ndarray) -> np.ndarray:
    """uint8 [256, 3]: the color of every possible train id."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors)] = np.asarray(colors, np.uint8).reshape(-1, 3)
    return table
