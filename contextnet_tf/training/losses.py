"""Cross-entropy with OHEM and class weights, of logits that are smaller than the image.

The network ends with a bilinear upsampling of its logits, which equals one matrix product along each axis. The loss
does this upsampling itself, one band of rows at a time, and computes the gradient together with the value. So only one
band of the full-size logits is in memory at a time.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.labels import IGNORE

_BAND_BYTES = 2**23  # of one temporary [B, C, rows, W]; below this, call overhead outweighs better caching


@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """Softmax cross-entropy (section 2.2.3), summed over the pixels that are not ignored.

    Attributes:
      class_weights: float32 [C], weight of a pixel of each class; None: 1 for all.
      smoothing: label smoothing in 0 to 1 (Szegedy et al., 2016); 0: none.
      ohem_threshold: online hard example mining (OHEM; bootstrapping, Wu et al., 2016): the loss includes only pixels
        with a probability of the true class below this threshold; 1: all pixels.
    """

    class_weights: np.ndarray | None = None
    smoothing: float = 0.0
    ohem_threshold: float = 1.0

    def total_weight(self, labels: tf.Tensor) -> tf.Tensor:
        """The summed weight of all pixels of train ids uint8 [B, H, W], float32 []; 255 is ignored.

        The weight depends on the labels alone and includes easy pixels (OHEM), so it is known before the forward pass
        of any part of the batch.
        """
        return tf.reduce_sum(self._pixel_weights(labels))

    def total(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The weighted sum of the pixels' losses, float32 [].

        Args:
          logits: float32 [B, h, w, C]; upsampled bilinearly (half-pixel centers) to the size of the labels.
          labels: uint8 [B, H, W] train ids; 255 is ignored.
        """

        @tf.custom_gradient
        def total(logits: tf.Tensor) -> tuple:
            value, gradient = self._value_and_gradient(logits, labels)
            return value, lambda upstream: upstream * gradient

        return total(logits)

    def _value_and_gradient(self, logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Channels first: sums over classes then add long contiguous rows, which is fastest on CPUs.
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
            parallel_iterations=1,  # otherwise several bands would be in memory at once
        )
        return value, tf.transpose(gradient, (0, 2, 3, 1))

    def _pixels(self, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Weighted losses float32 [B, H, W] of logits [B, C, H, W], and their gradients with respect to the logits."""
        classes = logits.shape[1]
        targets = tf.one_hot(tf.cast(labels, tf.int32), classes, axis=1)  # 0 everywhere for ignored pixels
        logits -= tf.reduce_max(logits, axis=1, keepdims=True)
        exponentials = tf.exp(logits)
        sums = tf.reduce_sum(exponentials, axis=1, keepdims=True)
        log_sums = tf.math.log(sums)
        if self.ohem_threshold < 1:
            true_logits = tf.reduce_sum(targets * logits, axis=1, keepdims=True)
            hard = true_logits - log_sums < math.log(self.ohem_threshold)
            weights *= tf.cast(hard[:, 0], tf.float32)
        if self.smoothing:
            targets = (1 - self.smoothing) * targets + self.smoothing / classes
        losses = (log_sums[:, 0] - tf.reduce_sum(targets * logits, axis=1)) * weights
        return losses, (exponentials / sums - targets) * weights[:, tf.newaxis]

    def _pixel_weights(self, labels: tf.Tensor) -> tf.Tensor:
        """float32 [B, H, W]: the weight of each pixel's class, 0 for ignored pixels."""
        table = np.zeros(256, np.float32)
        table[:IGNORE] = 1.0
        if self.class_weights is not None:
            table[: len(self.class_weights)] = self.class_weights
        return tf.gather(table, tf.cast(labels, tf.int32))


def balanced_weights(pixel_counts: np.ndarray, exponent: float) -> np.ndarray:
    """Class weights frequency ** -exponent, scaled so that the mean weight of a pixel is 1.

    Args:
      pixel_counts: int64 [C], pixels of each class in the training split.
      exponent: 0 gives every class the weight 1; 1 gives every class the same share of the loss.

    Returns:
      float32 [C]; 0 for a class without pixels.
    """
    frequency = pixel_counts / pixel_counts.sum()
    weights = np.where(pixel_counts > 0, np.maximum(frequency, 1e-12) ** -exponent, 0.0)
    return (weights / np.sum(weights * frequency)).astype(np.float32)


def enet_weights(pixel_counts: np.ndarray) -> np.ndarray:
    """Class weights 1 / ln(1.10 + frequency), scaled so that the mean weight of a pixel is 1.

    After ENet (Paszke et al., 2016), with the constant of its successors (CGNet, DABNet; ENet's own is 1.02): the
    rarest class weighs seven to eight times as much as one with every pixel.

    Args:
      pixel_counts: int64 [C], pixels of each class in the training split.

    Returns:
      float32 [C]; 0 for a class without pixels.
    """
    frequency = pixel_counts / pixel_counts.sum()
    weights = np.where(pixel_counts > 0, 1.0 / np.log(1.10 + frequency), 0.0)
    return (weights / np.sum(weights * frequency)).astype(np.float32)


class _Bands(NamedTuple):
    """Bilinear upsampling [h, w] -> [H, W] as matrices, with H split into bands of equal height.

    `start`: int32 [bands], the first of the n source rows of each band.
    `down`: float32 [bands, rows, n], the vertical weights. `across`: float32 [W, w], the horizontal weights.
    """

    start: np.ndarray
    down: np.ndarray
    across: np.ndarray


def _bands(planes_shape: tf.TensorShape, labels_shape: tf.TensorShape) -> _Bands:
    """The bands for planes [B, C, h, w] and labels [B, H, W]: the largest that `_BAND_BYTES` allows."""
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
