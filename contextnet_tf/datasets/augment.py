"""Augmentation as pure functions: the same picture, label and seed give the same result anywhere.

Section 3.1: "random scale 0.5 to 2, horizontal flip, varied hue, saturation, brightness and
contrast". Pictures are float32 [H, W, 3] in [0, 1], labels uint8 [H, W] train ids, a seed is
int32 [2]. Each function works eagerly and inside `Dataset.map`.
"""

import dataclasses
import math

import tensorflow as tf

from contextnet_tf.datasets.labels import IGNORE

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: the weights of red, green and blue in brightness


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes. The scale range and the flip are section 3.1's; the paper varies
    colours by amounts that it does not state, so those ranges are ours: visible, and still a street.
    """

    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    brightness: float = 0.1  # added: uniform in [-x, x]
    contrast: float = 0.25  # factor about mid-grey: uniform in [1 - x, 1 + x]
    saturation: float = 0.25  # factor: uniform in [1 - x, 1 + x]
    hue: float = 0.03  # turn of the colour circle: uniform in [-x, x]


def augment(image: tf.Tensor, label: tf.Tensor, seed: tf.Tensor, crop_size: tuple[int, int], ranges: Augmentation):
    """Scales, crops, flips and recolours one example.

    Args:
      image: uint8 [H, W, 3].
      label: uint8 [H, W].
      seed: int32 [2].
      crop_size: (height, width) of what comes out.
      ranges: how far each change may go.

    Returns:
      (float32 [height, width, 3] in [0, 1], uint8 [height, width]).
    """
    geometry_seed, flip_seed, colour_seed = tf.unstack(tf.random.split(seed, 3))
    scale, origin = random_window(tf.shape(label), geometry_seed, crop_size, ranges.scale)
    image, label = scaled_crop(image, label, scale, origin, crop_size)
    if ranges.flip:
        image, label = flip_if(tf.random.stateless_uniform([], flip_seed) < 0.5, image, label)
    # Colours last: on the crop it costs a fraction of what it costs on the whole picture.
    return recolour(image, *random_colour(colour_seed, ranges)), label


def random_window(size: tf.Tensor, seed: tf.Tensor, crop_size: tuple[int, int], scale_range: tuple[float, float]):
    """Draws the part of a picture that a crop shows.

    Args:
      size: int32 [2], height and width of the picture.
      seed: int32 [2].
      crop_size: (height, width) of the crop, in pixels after scaling.
      scale_range: the scale is uniform between the two.

    Returns:
      (scale float32 [], origin float32 [2]): the window's size is crop_size / scale, its upper left
      corner stands at `origin` (y, x), in pixels of the picture. A window larger than the picture
      reaches over the border.
    """
    scale_seed, origin_seed = tf.unstack(tf.random.split(seed, 2))
    scale = tf.random.stateless_uniform([], scale_seed, *scale_range)
    room = tf.cast(size, tf.float32) - tf.constant(crop_size, tf.float32) / scale
    return scale, room * tf.random.stateless_uniform([2], origin_seed)


def scaled_crop(image: tf.Tensor, label: tf.Tensor, scale: tf.Tensor, origin: tf.Tensor, crop_size: tuple[int, int]):
    """Shows the window at `origin` enlarged by `scale`; beyond the picture: black, and ignored.

    The window is cut out first and only then resized, which at scale 2 touches a quarter of the
    pixels. Pixel centres stand at half pixels in both, so picture and label stay aligned; the picture
    is interpolated bilinearly, the label takes the value of the pixel that contains the point.

    Args:
      image: uint8 [H, W, 3].
      label: uint8 [H, W].
      scale: float32 [].
      origin: float32 [2], (y, x) of the window's upper left corner in pixels of the picture.
      crop_size: (height, width) of the result.

    Returns:
      (float32 [height, width, 3] in [0, 1], uint8 [height, width]).
    """
    size = tf.shape(label)
    window = tf.constant(crop_size, tf.float32) / scale
    # One pixel more on each side, so that interpolation at the window's edge sees its neighbours.
    low = tf.clip_by_value(tf.cast(tf.floor(origin), tf.int32) - 1, 0, size - 1)
    high = tf.clip_by_value(tf.cast(tf.math.ceil(origin + window), tf.int32) + 1, low + 1, size)
    part = image[low[0] : high[0], low[1] : high[1]]
    scaled = tf.raw_ops.ScaleAndTranslate(
        images=part[tf.newaxis],
        size=crop_size,
        scale=tf.stack([scale, scale]),
        translation=(tf.cast(low, tf.float32) - origin) * scale,
        kernel_type="triangle",
        antialias=True,  # without it, scale 0.5 would skip pixels that the label still shows
    )[0]
    rows, inside_rows = _nearest(origin[0], scale, crop_size[0], size[0])
    columns, inside_columns = _nearest(origin[1], scale, crop_size[1], size[1])
    taken = tf.gather(tf.gather(label, rows), columns, axis=1)
    inside = inside_rows[:, tf.newaxis] & inside_columns[tf.newaxis]
    return scaled / 255.0, tf.where(inside, taken, tf.constant(IGNORE, label.dtype))


def flip_if(condition: tf.Tensor, image: tf.Tensor, label: tf.Tensor):
    """Mirrors float32 [H, W, 3] and uint8 [H, W] left to right where `condition` (bool []) holds."""
    return tf.cond(condition, lambda: (image[:, ::-1], label[:, ::-1]), lambda: (image, label))


def random_colour(seed: tf.Tensor, ranges: Augmentation):
    """Draws a change of colour as (matrix float32 [3, 3], offset float32 [])."""
    change = tf.random.stateless_uniform([4], seed, -1.0, 1.0)
    return colour_transform(
        brightness=ranges.brightness * change[0],
        contrast=1.0 + ranges.contrast * change[1],
        saturation=1.0 + ranges.saturation * change[2],
        hue=ranges.hue * change[3],
    )


def colour_transform(brightness: tf.Tensor, contrast: tf.Tensor, saturation: tf.Tensor, hue: tf.Tensor):
    """All four changes as one: colour -> matrix @ colour + offset.

    In order: saturation (factor on the distance from grey), hue (turn about the grey axis, in
    circles), contrast (factor about 0.5), brightness (added). The first two keep grey grey, so the
    offset is the same for the three channels.

    Returns:
      (float32 [3, 3], float32 []).
    """
    identity = tf.eye(3)
    saturate = saturation * identity + (1.0 - saturation) * tf.constant([_LUMA] * 3)
    angle = 2.0 * math.pi * hue
    # Rodrigues' formula about the axis (1, 1, 1) / sqrt(3).
    cross = tf.constant([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3.0)
    turn = tf.cos(angle) * identity + (1.0 - tf.cos(angle)) / 3.0 * tf.ones([3, 3]) + tf.sin(angle) * cross
    return contrast * tf.matmul(turn, saturate), 0.5 * (1.0 - contrast) + brightness


def recolour(image: tf.Tensor, matrix: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Applies `colour_transform`'s result to float32 [H, W, 3]; values are clipped to [0, 1]."""
    return tf.clip_by_value(tf.tensordot(image, matrix, [[2], [1]]) + offset, 0.0, 1.0)


def _nearest(origin: tf.Tensor, scale: tf.Tensor, length: int, size: tf.Tensor):
    """For each pixel along one axis of a crop: the picture's pixel that holds its centre, and whether
    there is one. int32 [length] and bool [length]."""
    centres = (tf.range(length, dtype=tf.float32) + 0.5) / scale + origin
    index = tf.cast(tf.floor(centres), tf.int32)
    return tf.clip_by_value(index, 0, size - 1), (index >= 0) & (index < size)
