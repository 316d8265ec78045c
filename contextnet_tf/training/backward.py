"""The gradients of a batch that lies in parts: on several devices, and one micro-batch after the other."""

import keras
import tensorflow as tf

from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.fused_batch_norm import with_fused_batch_norm
from contextnet_tf.training.losses import CrossEntropy
from contextnet_tf.training.precision import LossScale
from contextnet_tf.training.recipe import Recipe


class Backward:
    """Forward and backward pass. What a replica gives is its share of the whole batch's mean, so that all add up."""

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        cross_entropy: CrossEntropy,
        compute_config: ComputeConfig,
        loss_scale: LossScale | None,
    ):
        self._recipe, self._cross_entropy, self._weights = recipe, cross_entropy, model.trainable_variables
        self._network = with_fused_batch_norm(model)
        self._strategy, self._parts, self._loss_scale = (
            compute_config.devices.strategy,
            compute_config.accumulate,
            loss_scale,
        )
        # Of the loss XLA compiles nothing: where a band of rows belongs is known only while the loss runs.
        self._forward = tf.function(self._network, jit_compile=True) if compute_config.jit_compile else self._network

    def weight(self, labels: tf.Tensor) -> tf.Tensor:
        """What the pixels of the whole batch, on all replicas, count together: float32 []."""
        weights = self._strategy.run(self._cross_entropy.total_weight, args=(labels,))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, weights, axis=None)

    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, weight: tf.Tensor, part: int | tf.Tensor = 0
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients by the trainable weights, and main and auxiliary loss float32 [2], summed over all replicas.

        Args:
          images: float32 [B, H, W, 3].
          labels: uint8 [B, H, W].
          weight: of the whole batch, by `weight`.
          part: which micro-batch is meant.
        """
        gradients, losses = self._strategy.run(self._share, args=(images, labels, weight, part))
        destinations = [variable.value for variable in self._weights]
        add = tf.distribute.ReduceOp.SUM
        gradients = self._strategy.extended.batch_reduce_to(add, list(zip(gradients, destinations, strict=True)))
        return list(gradients), self._strategy.reduce(add, losses, axis=None)

    def _share(
        self, images: tf.Tensor, labels: tf.Tensor, weight: tf.Tensor, part: int | tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        images, labels = (self._micro_batch(values, part) for values in (images, labels))
        scale = 1.0 if self._loss_scale is None else self._loss_scale.value
        with tf.GradientTape() as tape:
            logits = self._forward(images, training=True)
            losses = {
                name: tf.math.divide_no_nan(self._cross_entropy.total(logits[name], labels), weight) for name in logits
            }
            main_loss = losses.pop("main")
            aux_loss = sum(losses.values(), tf.zeros([]))
            loss = scale * (main_loss + self._recipe.aux_weight * aux_loss)
        gradients = tape.gradient(loss, self._weights)
        if self._loss_scale is not None:
            gradients = [gradient / scale for gradient in gradients]
        return gradients, tf.stack([main_loss, aux_loss])

    def _micro_batch(self, values: tf.Tensor, part: int | tf.Tensor) -> tf.Tensor:
        if self._parts == 1:
            return values
        # By a new axis, not by a range: the network needs to know the size while it is traced.
        return tf.reshape(values, (self._parts, values.shape[0] // self._parts, *values.shape[1:]))[part]
