"""Augmentation as pure functions: the same image, label and seed always give the same result.

Section 3.1: "random scale 0.5 to 2, horizontal flip, varied hue, saturation, brightness and
contrast". Images are float32 [H, W, 3] in [0, 1], labels uint8 [H, W] train ids, seeds int32 [2].
All functions work eagerly and inside `Dataset.map`.
"""

import math

import tensorflow as tf

from contextnet_tf.datasets.augmentation import LUMA, Augmentation
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.windows import ANYWHERE, Window, random_window


def augment(
    image: tf.Tensor,
    label: tf.Tensor,
    seed: tf.Tensor,
    crop_size: tuple[int, int],
    ranges: Augmentation,
    center: tf.Tensor | tuple[int, int] = ANYWHERE,
):
    """Scales, crops, flips and recolors one example.

    Args:
      image: uint8 [H, W, 3].
      label: uint8 [H, W].
      seed: int32 [2].
      crop_size: (height, width) of the result.
      ranges: the augmentation ranges.
      center: int32 [2], (y, x) of the pixel to center the crop on; ANYWHERE: a random position.

    Returns:
      (float32 [height, width, 3] in [0, 1], uint8 [height, width]).
    """
    geometry_seed, flip_seed, color_seed = tf.unstack(tf.random.split(seed, 3))
    window = random_window(tf.shape(label), geometry_seed, crop_size, ranges.scale, center)
    color = random_color(color_seed, ranges) if ranges.varies_color else None
    image, label = scaled_crop(image, label, window, crop_size, color)
    if ranges.flip:
        image, label = flip_if(tf.random.stateless_uniform([], flip_seed) < 0.5, image, label)
    return image, label


def scaled_crop(
    image: tf.Tensor,
    label: tf.Tensor,
    window: Window,
    crop_size: tuple[int, int],
    color: tuple[tf.Tensor, tf.Tensor] | None = None,
):
    """Resizes `window` into a crop and changes its colors. Padding beyond the image is black, its label ignored.

    The window is cut out before resizing, which at scale 2 touches a quarter of the pixels. Image and
    label both use half-pixel centers, so they stay aligned. Images are reduced by area averaging and
    enlarged by bilinear interpolation; labels are resampled to the nearest pixel.

    Args:
      image: uint8 [H, W, 3].
      label: uint8 [H, W].
      window: the part of the image to show, and its position in the crop.
      crop_size: (height, width) of the result.
      color: the result of `color_transform`; None: unchanged colors. Applied where there are fewer pixels, before
        enlarging or after reducing: averaging commutes with an affine color transform.

    Returns:
      (float32 [height, width, 3] in [0, 1], uint8 [height, width]).
    """

    def changed(pixels: tf.Tensor) -> tf.Tensor:
        return pixels if color is None else recolor(pixels, *color)

    part = tf.slice(image, [*tf.unstack(window.low), 0], [*tf.unstack(window.size), 3])
    # Area averaging when reducing: bilinear interpolation would skip source pixels.
    scaled = tf.cond(
        tf.reduce_any(window.scaled < window.size),
        lambda: changed(tf.image.resize(part, window.scaled, method="area") / 255.0),
        lambda: tf.image.resize(changed(tf.cast(part, tf.float32) / 255.0), window.scaled),
    )
    # The part of the scaled window inside the crop, and the padding around that part.
    start = tf.clip_by_value(-window.offset, 0, window.scaled)
    before = tf.clip_by_value(window.offset, 0, crop_size)
    shown = tf.clip_by_value(window.scaled - start, 0, crop_size - before)
    border = tf.stack([before, crop_size - before - shown], axis=1)
    scaled = tf.pad(
        tf.slice(scaled, [*tf.unstack(start), 0], [*tf.unstack(shown), 3]), tf.pad(border, [[0, 1], [0, 0]])
    )
    rows, columns = (_nearest(window, start, shown, axis) for axis in (0, 1))
    # Gathering rows is cheaper than gathering columns, so columns are gathered where there are fewer rows.
    part_label = tf.slice(label, window.low, window.size)
    taken = tf.cond(
        window.scaled[0] < window.size[0],
        lambda: tf.gather(tf.gather(part_label, rows), columns, axis=1),
        lambda: tf.gather(tf.gather(part_label, columns, axis=1), rows),
    )
    labels = tf.pad(taken, border, constant_values=tf.constant(IGNORE, label.dtype))
    return tf.ensure_shape(scaled, [*crop_size, 3]), tf.ensure_shape(labels, crop_size)


def flip_if(condition: tf.Tensor, image: tf.Tensor, label: tf.Tensor):
    """Mirrors float32 [H, W, 3] and uint8 [H, W] left to right if `condition` (bool []) is true."""
    # `reverse` is ten times faster than a slice with step -1.
    return tf.cond(condition, lambda: (tf.reverse(image, [1]), tf.reverse(label, [1])), lambda: (image, label))


def random_color(seed: tf.Tensor, ranges: Augmentation):
    """Draws a random color transform: (matrix float32 [3, 3], offset float32 [])."""
    # The first four draws do not depend on how many there are.
    change = tf.random.stateless_uniform([6], seed, -1.0, 1.0)
    return color_transform(
        brightness=ranges.brightness * change[0],
        contrast=1.0 + ranges.contrast * change[1],
        saturation=1.0 + ranges.saturation * change[2],
        hue=ranges.hue * change[3],
        red=tf.exp(ranges.white_balance * change[4]),
        blue=tf.exp(ranges.white_balance * change[5]),
    )


def color_transform(
    brightness: tf.Tensor,
    contrast: tf.Tensor,
    saturation: tf.Tensor,
    hue: tf.Tensor,
    red: tf.Tensor | float = 1.0,
    blue: tf.Tensor | float = 1.0,
):
    """Combines the changes into one affine transform: color -> matrix @ color + offset.

    In order: white balance (factors of red and blue), saturation (factor on the distance from gray), hue (rotation
    about the gray axis, in turns), contrast (factor about 0.5), brightness (added). Saturation and hue keep gray
    unchanged, so one offset serves all three channels.

    Returns:
      (float32 [3, 3], float32 []).
    """
    identity = tf.eye(3)
    saturate = saturation * identity + (1.0 - saturation) * tf.constant([LUMA] * 3)
    angle = 2.0 * math.pi * hue
    # Rodrigues' formula about the axis (1, 1, 1) / sqrt(3).
    cross = tf.constant([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3.0)
    turn = tf.cos(angle) * identity + (1.0 - tf.cos(angle)) / 3.0 * tf.ones([3, 3]) + tf.sin(angle) * cross
    balance = tf.linalg.diag(tf.stack([red, 1.0, blue]))
    return contrast * tf.matmul(tf.matmul(turn, saturate), balance), 0.5 * (1.0 - contrast) + brightness


def recolor(image: tf.Tensor, matrix: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Applies the result of `color_transform` to float32 [H, W, 3]; values are clipped to [0, 1]."""
    return tf.clip_by_value(tf.tensordot(image, matrix, [[2], [1]]) + offset, 0.0, 1.0)


def _nearest(window: Window, start: tf.Tensor, count: tf.Tensor, axis: int) -> tf.Tensor:
    """Indices, int32 [count], of the window's pixels along `axis` nearest to the scaled pixels from `start` on.

    Integer arithmetic resolves a center on the border of two pixels the same way on every machine.
    """
    places = tf.range(start[axis], start[axis] + count[axis])
    return (2 * places + 1) * window.size[axis] // (2 * window.scaled[axis])
