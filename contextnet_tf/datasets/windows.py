"""Which part of a image a crop shows, and how large: positions only, no pixels.

A window is whole pixels of the image that become whole pixels of the crop. So the resampling of the
window alone is exact: it starts and ends where pixels do, in the image and in the crop.
"""

from typing import NamedTuple

import tensorflow as tf

ANYWHERE = (-1, -1)  # as the center of a window: there is no point that it should be about

# Pixels that are cut around what the crop shows, so that the interpolation at the frame sees its
# neighbors, and so that rounding to whole pixels leaves no gap there.
_MARGIN = 2


class Window(NamedTuple):
    """`size` pixels of the image from `low` on, resized to `scaled` pixels, of which pixel (0, 0) comes to stand
    at pixel `offset` of the crop. All int32 [2], (y, x); `offset` is negative where the crop starts inside."""

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
    """Draws the part of a image that a crop shows.

    Args:
      size: int32 [2], height and width of the image.
      seed: int32 [2].
      crop_size: (height, width) of the crop, in pixels after scaling.
      scale_range: the scale is uniform between the two.
      center: int32 [2], (y, x) of the pixel of the image that the crop is centered on, as far as the border
        lets it; ANYWHERE: the place is drawn, too.

    Returns:
      The window. Where the scaled image is smaller than the crop it stands at a random place in it; at a
      scale range of (1, 1) in the upper left, as in evaluation: there the rest only makes the size fit.
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
    """The window of whole pixels next to what is asked for.

    Args:
      origin: float32 [2], (y, x) in pixels of the image where the crop's upper left corner should stand; beyond
        the image for a crop that reaches over its border.
      scale: float32 [], how much larger the crop shows the image.
      size: int32 [2], height and width of the image.
      crop_size: (height, width) of the crop.

    Returns:
      The window. It is at most one pixel of the crop away from `origin`, and its scale differs from `scale` by less
      than one pixel over the length of the crop. A crop that lies inside the image is filled by it.
    """
    # In double precision: a rounding error could leave the last row of a crop empty.
    origin, scale = tf.cast(origin, tf.float64), tf.cast(scale, tf.float64)
    shown = tf.constant(crop_size, tf.float64) / scale
    low = tf.clip_by_value(tf.cast(tf.floor(origin), tf.int32) - _MARGIN, 0, size - 1)
    high = tf.clip_by_value(tf.cast(tf.math.ceil(origin + shown), tf.int32) + _MARGIN, low + 1, size)
    scaled = tf.maximum(1, _rounded(tf.cast(high - low, tf.float64) * scale))
    return Window(low, high - low, scaled, _rounded((tf.cast(low, tf.float64) - origin) * scale))


def _rounded(value: tf.Tensor) -> tf.Tensor:
    """To the nearest whole number, halves up: of two parts that fill a length, neither may lose its half."""
    return tf.cast(tf.floor(value + 0.5), tf.int32)
