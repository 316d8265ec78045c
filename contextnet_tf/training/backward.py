"""The gradients of a batch that is split into replicas and micro-batches."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.fused_batch_norm import with_fused_batch_norm
from contextnet_tf.training.losses import CrossEntropy
from contextnet_tf.training.precision import LossScale


class Backward:
    """Forward and backward pass. Losses are divided by the whole batch's weight, so the parts' gradients add up."""

    def __init__(
        self,
        model: keras.Model,
        losses: Mapping[str, tuple[CrossEntropy, float]],
        compute_config: ComputeConfig,
        loss_scale: LossScale | None,
    ):
        self._losses, self._weights = losses, model.trainable_variables
        self._network = with_fused_batch_norm(model)
        self._strategy, self._parts, self._loss_scale = (
            compute_config.devices.strategy,
            compute_config.accumulate,
            loss_scale,
        )
        # XLA cannot compile the loss: the position of each band of rows is known only at run time.
        self._forward = tf.function(self._network, jit_compile=True) if compute_config.jit_compile else self._network

    def weight(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The total pixel weight of the whole batch, over all replicas, for each head's loss: float32 [heads]."""
        weights = self._strategy.run(self._total_weights, args=(batch["label"],))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, weights, axis=None)

    def __call__(
        self, batch: Mapping[str, tf.Tensor], weight: tf.Tensor, part: int | tf.Tensor = 0
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients with respect to the trainable weights, and each head's loss float32 [heads], summed over replicas.

        Args:
          batch: "image" float32 [B, H, W, 3], "label" uint8 [B, H, W].
          weight: float32 [heads], the result of `weight` for the whole batch.
          part: index of the micro-batch, from 0.
        """
        gradients, losses = self._strategy.run(self._share, args=(batch, weight, part))
        destinations = [variable.value for variable in self._weights]
        add = tf.distribute.ReduceOp.SUM
        gradients = self._strategy.extended.batch_reduce_to(add, list(zip(gradients, destinations, strict=True)))
        return list(gradients), self._strategy.reduce(add, losses, axis=None)

    def _total_weights(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.stack([loss.total_weight(labels) for loss, _ in self._losses.values()])

    def _share(
        self, batch: Mapping[str, tf.Tensor], weight: tf.Tensor, part: int | tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        images, labels = (self._micro_batch(batch[name], part) for name in ("image", "label"))
        scale = 1.0 if self._loss_scale is None else self._loss_scale.value
        with tf.GradientTape() as tape:
            logits = self._forward(images, training=True)
            losses = [
                tf.math.divide_no_nan(loss.total(logits[name], labels), weight[head])
                for head, (name, (loss, _)) in enumerate(self._losses.items())
            ]
            head_weights = [head_weight for _, head_weight in self._losses.values()]
            loss = scale * tf.add_n([a * b for a, b in zip(head_weights, losses, strict=True)])
        gradients = tape.gradient(loss, self._weights)
        if self._loss_scale is not None:
            gradients = [gradient / scale for gradient in gradients]
        return gradients, tf.stack(losses)

    def _micro_batch(self, values: tf.Tensor, part: int | tf.Tensor) -> tf.Tensor:
        if self._parts == 1:
            return values
        # A new axis instead of a slice: tracing the network requires a static size.
        return tf.reshape(values, (self._parts, values.shape[0] // self._parts, *values.shape[1:]))[part]
