"""The network in the form in which it is trained: the same weights and outputs, in less time and memory."""

import keras
import tensorflow as tf


def with_fused_batch_norm(model: keras.Model) -> keras.Model:
    """Shares the weights of `model`; gives each of its outputs before the last upsampling.

    float32 [B, H, W, 3] -> {name: logits float32 [B, h, w, C]}: `CrossEntropy` upsamples them itself. An
    output that is not upsampled last stays as it is.
    """
    small = {name: _before_upsampling(output) for name, output in model.output.items()}
    network = keras.Model(model.input, small, name=model.name)
    return keras.models.clone_model(network, clone_function=_faster)


class FusedBatchNormalization(keras.layers.Layer):
    """A batch normalization of Keras, in training, as the single operation that TensorFlow has for it.

    Keras computes it from its parts: 3 to 7 times the time on two cores. Weights, moving statistics and
    numbers (to rounding) are those of `layer`, which it wraps.
    """

    def __init__(self, layer: keras.layers.BatchNormalization):
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self._layer = layer
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False, mask: None = None) -> tf.Tensor:
        """Normalizes [B, H, W, C] by the statistics of the batch, and moves the moving ones."""
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


def _before_upsampling(output: keras.KerasTensor) -> keras.KerasTensor:
    layer = output._keras_history.operation  # Keras has no public name for the layer behind a tensor
    if isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "bilinear":
        return layer.input
    return output


def _faster(layer: keras.Layer) -> keras.Layer:
    """What stands in the place of `layer`: itself, or the fused form of a batch normalization that has one."""
    if isinstance(layer, keras.layers.BatchNormalization) and _can_be_fused(layer):
        return FusedBatchNormalization(layer)
    return layer


def _can_be_fused(layer: keras.layers.BatchNormalization) -> bool:
    channels_last = layer.axis in (-1, 3)
    return channels_last and layer.scale and layer.center and not layer.renorm and not layer.synchronized
