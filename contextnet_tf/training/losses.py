"""Cross-entropy over the pixels that count, of logits that are smaller than the image.

The network's last layer upsamples its logits bilinearly, a matrix product along each axis. The loss does that
itself, some rows at a time, and computes the gradient on the way, because cross-entropy's is known with its value:
of what has the image's size times the classes never more than a few rows exist.
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.labels import IGNORE

_BAND_BYTES = 2**23  # of one temporary [B, C, rows, W]; smaller ones cost more in calls than they gain in caches


@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of soft-max (section 2.2.3), summed over the pixels that count.

    Attributes:
      class_weights: float32 [C], what a pixel of each class counts; None: all alike.
      smoothing: share of the truth that is spread evenly over all classes (Szegedy et al., 2016); 0: none.
      hard_below: only pixels whose true class has a smaller probability than this count, the others with 0
        (bootstrapping, Wu et al., 2016); 1: all.
    """

    class_weights: np.ndarray | None = None
    smoothing: float = 0.0
    ohem_threshold: float = 1.0

    def total_weight(self, labels: tf.Tensor) -> tf.Tensor:
        """What all pixels of uint8 [B, H, W] train ids count together, float32 []; 255 counts 0.

        It depends on the labels alone, easy pixels included, so that the parts of a batch can be summed
        before their weight is known to each.
        """
        return tf.reduce_sum(self._pixel_weights(labels))

    def total(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The weighted sum of the pixels' losses, float32 [].

        Args:
          logits: float32 [B, h, w, C]; upsampled bilinearly (half-pixel centers) where they are smaller
            than the labels.
          labels: uint8 [B, H, W] train ids; 255 is ignored.
        """

        @tf.custom_gradient
        def total(logits: tf.Tensor) -> tuple:
            value, gradient = self._value_and_gradient(logits, labels)
            return value, lambda upstream: upstream * gradient

        return total(logits)

    def _value_and_gradient(self, logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Classes in front: sums over them are then sums of long rows, which processors do best.
        planes = tf.transpose(logits, (0, 3, 1, 2))
        weights = self._pixel_weights(labels)
        bands = _bands(planes.shape, labels.shape)
        rows, size = bands.down.shape[1:]
        across = tf.constant(bands.across)

        def body(band: tf.Tensor, value: tf.Tensor, gradient: tf.Tensor) -> tuple:
            start, down = tf.gather(bands.start, band), tf.gather(bands.down, band)
            part = planes[:, :, start : start + size]
            of_band = slice(band * rows, (band + 1) * rows)
            losses, slopes = self._pixels(
                down @ tf.matmul(part, across, transpose_b=True), labels[:, of_band], weights[:, of_band]
            )
            slopes = tf.matmul(down, slopes, transpose_a=True) @ across
            around = [[0, 0], [0, 0], [start, planes.shape[2] - size - start], [0, 0]]
            gradient = tf.ensure_shape(gradient + tf.pad(slopes, around), planes.shape)
            return band + 1, value + tf.reduce_sum(losses), gradient

        _, value, gradient = tf.while_loop(
            lambda band, *_: band < len(bands.start),
            body,
            (tf.constant(0), tf.zeros([]), tf.zeros_like(planes)),
            parallel_iterations=1,  # otherwise several bands would stand in memory together
        )
        return value, tf.transpose(gradient, (0, 2, 3, 1))

    def _pixels(self, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Weighted losses float32 [B, H, W] of logits [B, C, H, W], and their derivatives by the logits."""
        classes = logits.shape[1]
        truth = tf.one_hot(tf.cast(labels, tf.int32), classes, axis=1)  # 0 everywhere for ignored pixels
        logits -= tf.reduce_max(logits, axis=1, keepdims=True)
        exponentials = tf.exp(logits)
        sums = tf.reduce_sum(exponentials, axis=1, keepdims=True)
        log_sums = tf.math.log(sums)
        if self.ohem_threshold < 1:
            true_logits = tf.reduce_sum(truth * logits, axis=1, keepdims=True)
            hard = true_logits - log_sums < math.log(self.ohem_threshold)
            weights *= tf.cast(hard[:, 0], tf.float32)
        if self.smoothing:
            truth = (1 - self.smoothing) * truth + self.smoothing / classes
        losses = (log_sums[:, 0] - tf.reduce_sum(truth * logits, axis=1)) * weights
        return losses, (exponentials / sums - truth) * weights[:, tf.newaxis]

    def _pixel_weights(self, labels: tf.Tensor) -> tf.Tensor:
        """float32 [B, H, W]: the weight of each pixel's class, 0 where it is ignored."""
        table = np.zeros(256, np.float32)
        table[:IGNORE] = 1.0
        if self.class_weights is not None:
            table[: len(self.class_weights)] = self.class_weights
        return tf.gather(table, tf.cast(labels, tf.int32))


def head_losses(
    outputs: Iterable[str], aux_weight: float, cross_entropy: CrossEntropy
) -> dict[str, tuple[CrossEntropy, float]]:
    """The loss of each output and its weight in the sum: 1 for "main", `aux_weight` for every other (section 2.2.3)."""
    return {name: (cross_entropy, 1.0 if name == "main" else aux_weight) for name in outputs}


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


class _Bands(NamedTuple):
    """Bilinear upsampling [h, w] -> [H, W] as matrices, the rows of H in bands of equally many.

    `start`: int32 [bands], the first of the n rows of h that a band is made of.
    `down`: float32 [bands, rows, n]. `across`: float32 [W, w].
    """

    start: np.ndarray
    down: np.ndarray
    across: np.ndarray


def _bands(planes_shape: tf.TensorShape, labels_shape: tf.TensorShape) -> _Bands:
    """As many rows at once as `_BAND_BYTES` allow, of planes [B, C, h, w] brought to labels [B, H, W]."""
    batch, classes, small_height, small_width = planes_shape
    _, height, width = labels_shape
    most = max(_BAND_BYTES // (4 * batch * classes * width), 1)
    rows = max(x for x in range(1, min(most, height) + 1) if height % x == 0)
    down = _upsampling(small_height, height).reshape(-1, rows, small_height)
    used = np.asarray(down.any(axis=1))
    first, last = used.argmax(axis=1), small_height - 1 - used[:, ::-1].argmax(axis=1)
    size = int((last - first).max()) + 1
    start = np.minimum(first, small_height - size).astype(np.int32)
    down = np.stack([band[:, begin : begin + size] for band, begin in zip(down, start, strict=True)])
    return _Bands(start, down, _upsampling(small_width, width))


def _upsampling(small: int, large: int) -> np.ndarray:
    """The matrix float32 [large, small] of bilinear interpolation with half-pixel centers along one axis."""
    position = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    lower = np.floor(position).astype(int)
    matrix = np.zeros((large, small), np.float32)
    matrix[np.arange(large), lower] = 1 - (position - lower)
    matrix[np.arange(large), np.minimum(lower + 1, small - 1)] += position - lower
    return matrix
