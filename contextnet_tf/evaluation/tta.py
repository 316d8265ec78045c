"""Test-time augmentation (TTA): the soft-maxes of a network on an image at several scales and mirrored, averaged."""

import math
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.padding import padded_to_multiple
from contextnet_tf.evaluation.traced import TracedPerSize
from contextnet_tf.models.sizes import size_multiple


def averaged_probabilities(
    model: keras.Model, *, scales: Sequence[float] = (1.0,), flip: bool = False
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The averaged network as a function uint8 [H, W, 3] -> probabilities float32 [H, W, C], for any H and W.

    The image is resized bilinearly by each scale and padded as in `segmentation`. The logits are resized bilinearly to
    the image, and the soft-maxes of all scales, with `flip` also those of the mirrored images, are averaged. With one
    scale of 1 and no flip, their arg-max gives the labels of `segmentation`.

    Raises:
      InputError: `scales` is empty or holds a number that is not above 0, at most 10.
    """
    if not scales or not all(math.isfinite(scale) and 0 < scale <= 10 for scale in scales):
        raise InputError(f"`scales={','.join(map(str, scales))}`: give numbers above 0, at most 10")
    multiple = size_multiple(model)

    def probabilities(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
        """Soft-max float32 [height, width, C] of one scaled image float32 [h, w, 3]; `size` is (height, width)."""
        height, width, _ = image.shape
        padded = padded_to_multiple(image, multiple)
        logits = model(padded[tf.newaxis], training=False)["main"][:, :height, :width]
        if (height, width) != size:
            logits = tf.image.resize(logits, size)
        return tf.nn.softmax(logits[0])

    @TracedPerSize
    def averaged(image: tf.Tensor) -> tf.Tensor:
        height, width, _ = image.shape
        whole = tf.cast(image, tf.float32) / 255.0
        total = tf.zeros([])
        for scale in scales:
            size = max(1, round(scale * height)), max(1, round(scale * width))
            # antialias: reduced bilinearly without it, pixels would be skipped at scales below 0.5.
            scaled = whole if size == (height, width) else tf.image.resize(whole, size, antialias=True)
            total += probabilities(scaled, (height, width))
            if flip:
                total += tf.reverse(probabilities(tf.reverse(scaled, [1]), (height, width)), [1])
        return total / (len(scales) * (2 if flip else 1))

    return averaged
