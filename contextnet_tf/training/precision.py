"""Mixed precision: networks in half precision, and loss scaling for float16."""

from typing import Any

import keras
import tensorflow as tf

from contextnet_tf.models.outputs import layers_giving_logits
from contextnet_tf.models.pyramid import ResizeLike
from contextnet_tf.models.rewrite import copy_layer, rewrite

_RESIZING = keras.layers.UpSampling2D | keras.layers.AveragePooling2D | ResizeLike
_GROWTH_STEPS = 2000  # steps without an overflow after which a larger scale is tried; Micikevicius et al. (2018)


def clone_network(model: keras.Model, *, dtype_policy: str, synchronized: bool = False) -> keras.Model:
    """A copy of `model` with separate weights: the same values, always float32.

    Args:
      model: a functional network.
      dtype_policy: Keras' dtype policy of the layers. Layers that resize or give logits stay float32, because
        neighboring pixels and classes differ by less than the resolution of half precision.
      synchronized: whether batch statistics are taken over all replicas.

    Raises:
      InputError: the model is not functional.
      ValueError: the policy is unknown to Keras.
    """
    exact = layers_giving_logits(model)

    def build(layer: keras.Layer) -> keras.Layer:
        exactly = layer in exact or isinstance(layer, _RESIZING)
        changes: dict[str, Any] = {"dtype": "float32" if exactly else dtype_policy}
        if isinstance(layer, keras.layers.BatchNormalization):
            changes["synchronized"] = synchronized
        return copy_layer(layer, **changes)

    return rewrite(model, build)


class LossScale:
    """Dynamic loss scaling, which prevents underflow of float16 gradients.

    The scale is a power of 2, so scaling adds no rounding. An overflow halves the scale; 2000 steps without overflow
    double it.
    """

    def __init__(self):
        self.value = tf.Variable(2.0**15, trainable=False, name="loss_scale")
        self.good_steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="good_steps")

    @property
    def variables(self) -> list[tf.Variable]:
        """The variables of the scale, for checkpoints."""
        return [self.value, self.good_steps]

    def update(self, finite: tf.Tensor) -> None:
        """Updates the scale after a step; `finite` (bool []) tells whether all gradients were finite."""
        grown = self.good_steps + 1 >= _GROWTH_STEPS
        self.value.assign(tf.where(finite, tf.where(grown, 2.0 * self.value, self.value), 0.5 * self.value))
        self.good_steps.assign(tf.where(finite & ~grown, self.good_steps + 1, 0))
