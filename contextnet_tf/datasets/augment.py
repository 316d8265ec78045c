"""Augmentation as pure functions: the same image, label and seed give the same result anywhere.

Section 3.1: "random scale 0.5 to 2, horizontal flip, varied hue, saturation, brightness and
contrast". Images are float32 [H, W, 3] in [0, 1], labels uint8 [H, W] train ids, a seed is
int32 [2]. Each function works eagerly and inside `Dataset.map`.
"""

import dataclasses
import math

import tensorflow as tf

from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.windows import ANYWHERE, Window, random_window

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: the weights of red, green and blue in brightness


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes. The scale range and the flip are section 3.1's; the paper varies
    colors by amounts that it does not state, so those ranges are ours: visible, and still a street.
    """

    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    brightness: float = 0.1  # added: uniform in [-x, x]
    contrast: float = 0.25  # factor about mid-gray: uniform in [1 - x, 1 + x]
    saturation: float = 0.25  # factor: uniform in [1 - x, 1 + x]
    hue: float = 0.03  # turn of the color circle: uniform in [-x, x]

    def with_color_jitter(self, factor: float) -> "Augmentation":
        """The same with the four color ranges times `factor`: 0.5 halves them, 0 leaves colors as they are."""
        ranges = ("brightness", "contrast", "saturation", "hue")
        return dataclasses.replace(self, **{name: factor * getattr(self, name) for name in ranges})


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
      crop_size: (height, width) of what comes out.
      ranges: how far each change may go.
      center: int32 [2], (y, x) of the pixel that the crop is about; ANYWHERE: no pixel in particular.

    Returns:
      (float32 [height, width, 3] in [0, 1], uint8 [height, width]).
    """
    geometry_seed, flip_seed, color_seed = tf.unstack(tf.random.split(seed, 3))
    window = random_window(tf.shape(label), geometry_seed, crop_size, ranges.scale, center)
    color = None if ranges == ranges.with_color_jitter(0) else random_color(color_seed, ranges)
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
    """Shows `window` in a crop, its colors changed; beyond the image: black, and ignored.

    The window is cut out first and only then resized, which at scale 2 touches a quarter of the
    pixels. Pixel centers stand at half pixels in both, so image and label stay aligned. Each pixel of
    a smaller image is the mean of the area that it covers, of a larger one it is interpolated
    bilinearly; the label takes the value of the pixel that contains the point.

    Args:
      image: uint8 [H, W, 3].
      label: uint8 [H, W].
      window: what is shown, and where.
      crop_size: (height, width) of the result.
      color: `color_transform`'s result; None: colors stay as they are. It is applied where there are fewer
        pixels, before enlarging or after reducing: a matrix and an offset give the same on either side of a mean.

    Returns:
      (float32 [height, width, 3] in [0, 1], uint8 [height, width]).
    """

    def changed(pixels: tf.Tensor) -> tf.Tensor:
        return pixels if color is None else recolor(pixels, *color)

    part = tf.slice(image, [*tf.unstack(window.low), 0], [*tf.unstack(window.size), 3])
    # An interpolation would skip pixels of a smaller image that its label still shows.
    scaled = tf.cond(
        tf.reduce_any(window.scaled < window.size),
        lambda: changed(tf.image.resize(part, window.scaled, method="area") / 255.0),
        lambda: tf.image.resize(changed(tf.cast(part, tf.float32) / 255.0), window.scaled),
    )
    # What of the scaled window lies in the crop, and how far the image's border is inside it.
    start = tf.clip_by_value(-window.offset, 0, window.scaled)
    before = tf.clip_by_value(window.offset, 0, crop_size)
    shown = tf.clip_by_value(window.scaled - start, 0, crop_size - before)
    border = tf.stack([before, crop_size - before - shown], axis=1)
    scaled = tf.pad(
        tf.slice(scaled, [*tf.unstack(start), 0], [*tf.unstack(shown), 3]), tf.pad(border, [[0, 1], [0, 0]])
    )
    rows, columns = (_nearest(window, start, shown, axis) for axis in (0, 1))
    # Rows are copied whole, columns pixel by pixel: columns come where there are fewer rows.
    part_label = tf.slice(label, window.low, window.size)
    taken = tf.cond(
        window.scaled[0] < window.size[0],
        lambda: tf.gather(tf.gather(part_label, rows), columns, axis=1),
        lambda: tf.gather(tf.gather(part_label, columns, axis=1), rows),
    )
    labels = tf.pad(taken, border, constant_values=tf.constant(IGNORE, label.dtype))
    return tf.ensure_shape(scaled, [*crop_size, 3]), tf.ensure_shape(labels, crop_size)


def flip_if(condition: tf.Tensor, image: tf.Tensor, label: tf.Tensor):
    """Mirrors float32 [H, W, 3] and uint8 [H, W] left to right where `condition` (bool []) holds."""
    # `reverse` is ten times as fast as a slice with step -1.
    return tf.cond(condition, lambda: (tf.reverse(image, [1]), tf.reverse(label, [1])), lambda: (image, label))


def random_color(seed: tf.Tensor, ranges: Augmentation):
    """Draws a change of color as (matrix float32 [3, 3], offset float32 [])."""
    change = tf.random.stateless_uniform([4], seed, -1.0, 1.0)
    return color_transform(
        brightness=ranges.brightness * change[0],
        contrast=1.0 + ranges.contrast * change[1],
        saturation=1.0 + ranges.saturation * change[2],
        hue=ranges.hue * change[3],
    )


def color_transform(brightness: tf.Tensor, contrast: tf.Tensor, saturation: tf.Tensor, hue: tf.Tensor):
    """All four changes as one: color -> matrix @ color + offset.

    In order: saturation (factor on the distance from gray), hue (turn about the gray axis, in
    circles), contrast (factor about 0.5), brightness (added). The first two keep gray gray, so the
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


def recolor(image: tf.Tensor, matrix: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Applies `color_transform`'s result to float32 [H, W, 3]; values are clipped to [0, 1]."""
    return tf.clip_by_value(tf.tensordot(image, matrix, [[2], [1]]) + offset, 0.0, 1.0)


def _nearest(window: Window, start: tf.Tensor, count: tf.Tensor, axis: int) -> tf.Tensor:
    """The window's pixels along `axis`, int32 [count], that hold the centers of the scaled window's pixels
    from `start` on. In whole numbers: a center on the border of two pixels belongs to the same one everywhere."""
    places = tf.range(start[axis], start[axis] + count[axis])
    return (2 * places + 1) * window.size[axis] // (2 * window.scaled[axis])
