"""Crop geometry: the part of an image that a crop shows, and its scale.

A window covers whole pixels of the image and maps to whole pixels of the crop. Cutting the window out
before resizing is therefore exact: its edges are pixel edges in the image and in the crop.
"""

from typing import NamedTuple

import tensorflow as tf

ANYWHERE = (-1, -1)  # as the center of a window: a random position

# Extra pixels around the part that the crop shows: neighbors for the interpolation at the edges, and
# room for rounding to whole pixels.
_MARGIN = 2


class Window(NamedTuple):
    """`size` pixels of the image from `low` on, resized to `scaled` pixels and placed at pixel `offset` of the crop.

    All int32 [2], (y, x). `offset` is negative where the crop starts inside the window.
    """

    low: tf.Tensor
    size: tf.Tensor
    scaled: tf.Tensor
    offset: tf.Tensor


def random_window(
    size: tf.Tensor,
    seed: tf.Tensor,
    crop_size: tuple[int, int],
    scale_range: tuple[float, float],
    center: tf.Tensor | tuple[int, int] = ANYWHERE,
) -> Window:
    """Draws the part of an image that a crop shows.

    Args:
      size: int32 [2], height and width of the image.
      seed: int32 [2].
      crop_size: (height, width) of the crop, in pixels after scaling.
      scale_range: (lowest, highest); the scale is uniform between them.
      center: int32 [2], (y, x) of the image pixel to center the crop on; the crop is shifted to stay within the
        image. ANYWHERE: a random position.

    Returns:
      The window. A scaled image smaller than the crop is placed in it at random. With the scale range (1, 1) it
      is placed in the upper left, as in evaluation, where padding only completes the size.
    """
    scale_seed, origin_seed = tf.unstack(tf.random.split(seed, 2))
    scale = tf.random.stateless_uniform([], scale_seed, *scale_range)
    room = tf.cast(size, tf.float32) - tf.constant(crop_size, tf.float32) / scale
    drawn = room * tf.random.stateless_uniform([2], origin_seed)
    if tuple(scale_range) == (1.0, 1.0):
        drawn = tf.maximum(drawn, 0.0)
    center = tf.convert_to_tensor(center)
    aimed = tf.cast(center, tf.float32) + 0.5 - tf.constant(crop_size, tf.float32) / scale / 2.0
    aimed = tf.clip_by_value(aimed, tf.minimum(room, 0.0), tf.maximum(room, 0.0))
    return window_at(tf.where(center[0] >= 0, aimed, drawn), scale, size, crop_size)


def window_at(origin: tf.Tensor, scale: tf.Tensor, size: tf.Tensor, crop_size: tuple[int, int]) -> Window:
    """The window of whole pixels closest to a crop at `origin` and `scale`.

    Args:
      origin: float32 [2], (y, x) of the crop's upper left corner in image pixels; may lie beyond the image.
      scale: float32 [], crop pixels per image pixel.
      size: int32 [2], height and width of the image.
      crop_size: (height, width) of the crop.

    Returns:
      The window. It is at most one crop pixel away from `origin`, and its scale differs from `scale` by less than
      one pixel over the length of the crop. The window fills a crop that lies inside the image.
    """
    # float64, because a rounding error could leave the last row of a crop empty.
    origin, scale = tf.cast(origin, tf.float64), tf.cast(scale, tf.float64)
    shown = tf.constant(crop_size, tf.float64) / scale
    low = tf.clip_by_value(tf.cast(tf.floor(origin), tf.int32) - _MARGIN, 0, size - 1)
    high = tf.clip_by_value(tf.cast(tf.math.ceil(origin + shown), tf.int32) + _MARGIN, low + 1, size)
    scaled = tf.maximum(1, _rounded(tf.cast(high - low, tf.float64) * scale))
    return Window(low, high - low, scaled, _rounded((tf.cast(low, tf.float64) - origin) * scale))


def _rounded(value: tf.Tensor) -> tf.Tensor:
    """Rounds to the nearest whole number, halves up: two parts that fill a length must not lose a pixel."""
    return tf.cast(tf.floor(value + 0.5), tf.int32)
