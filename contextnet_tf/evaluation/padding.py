"""Padding of images to a size that a network accepts."""

import tensorflow as tf

from contextnet_tf.models.inputs import padded_size


def padded_to_multiple(image: tf.Tensor, multiple: int) -> tf.Tensor:
    """[H, W, 3] of a known size -> the next multiples of `multiple`, by repeating the last row and column."""
    height, width, _ = image.shape
    rows, columns = (
        tf.minimum(tf.range(padded), length - 1)
        for length, padded in zip((height, width), padded_size((height, width), multiple), strict=True)
    )
    return tf.gather(tf.gather(image, rows), columns, axis=1)
