"""Cross-entropy over the pixels that count."""

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.labels import IGNORE


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor, class_weights: tf.Tensor | None = None) -> tf.Tensor:
    """Mean cross-entropy of soft-max, without the ignored pixels (section 2.2.3).

    Args:
      logits: float32 [B, H, W, C].
      labels: uint8 [B, H, W] train ids; 255 is ignored.
      class_weights: float32 [C], what a pixel of each class counts; None: all alike.

    Returns:
      float32 []: the mean over the counted pixels, each by its weight; 0 where no pixel counts.
    """
    counted = labels != IGNORE
    known = tf.where(counted, tf.cast(labels, tf.int32), 0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=known, logits=logits)
    weights = tf.cast(counted, tf.float32)
    if class_weights is not None:
        weights *= tf.gather(class_weights, known)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * weights), tf.reduce_sum(weights))


def balanced_weights(pixel_counts: np.ndarray, exponent: float) -> np.ndarray:
    """Class weights frequency ** -exponent, scaled so that the mean weight of a pixel is 1.

    Args:
      pixel_counts: int64 [C], pixels of each class in the training split.
      exponent: 0 gives every class 1; 1 gives every class the same share of the loss.

    Returns:
      float32 [C]; a class without a pixel gets 0.
    """
    frequency = pixel_counts / pixel_counts.sum()
    weights = np.where(pixel_counts > 0, np.maximum(frequency, 1e-12) ** -exponent, 0.0)
    return (weights / np.sum(weights * frequency)).astype(np.float32)
