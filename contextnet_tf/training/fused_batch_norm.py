"""The network in the form in which it is trained: the same weights and outputs, in less time and memory."""

import keras
import tensorflow as tf

from contextnet_tf.models.outputs import without_upsampling
from contextnet_tf.models.rewrite import rewrite


def with_fused_batch_norm(model: keras.Model) -> keras.Model:
    """Shares the weights of `model`; gives each of its outputs before the last upsampling.

    float32 [B, H, W, 3] -> {name: logits float32 [B, h, w, C]}, as of `without_upsampling`: `CrossEntropy` upsamples
    them itself.
    """
    network, _ = without_upsampling(model)
    return rewrite(network, _faster)


class FusedBatchNormalization(keras.layers.Layer):
    """Keras' batch normalization; in training, as the single operation that TensorFlow has for it.

    Keras computes it from its parts, which took 3 to 7 times as long on two cores. Weights, moving statistics and
    outputs (up to rounding) are those of `layer`, which this one wraps.
    """

    def __init__(self, layer: keras.layers.BatchNormalization):
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self._layer = layer
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False, mask: None = None) -> tf.Tensor:
        """Normalizes [B, H, W, C] by the statistics of the batch, and updates the moving ones."""
        del mask  # Keras passes what the wrapped layer was called with
        layer = self._layer
        if not training or not layer.trainable:
            return layer(inputs, training=False)
        # The operation wants float32 parameters, whatever its inputs are.
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(layer.gamma, tf.float32),
            offset=tf.cast(layer.beta, tf.float32),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The operation gives the unbiased variance of its n values, Keras keeps the biased one.
        n = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance * ((n - 1) / n))):
            moving.assign(moving * layer.momentum + value * (1.0 - layer.momentum))
        return outputs


def _faster(layer: keras.Layer) -> keras.Layer:
    """The layer itself, or the fused form of a batch normalization that has one."""
    if isinstance(layer, keras.layers.BatchNormalization) and _can_be_fused(layer):
        return FusedBatchNormalization(layer)
    return layer


def _can_be_fused(layer: keras.layers.BatchNormalization) -> bool:
    channels_last = layer.axis in (-1, 3)
    return channels_last and layer.scale and layer.center and not layer.renorm and not layer.synchronized
