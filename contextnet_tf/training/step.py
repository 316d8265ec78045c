"""One training step: the gradients of a batch, and the updates of the network's weights and of the EMA."""

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.models.graph import all_layers
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.fused_batch_norm import with_fused_batch_norm
from contextnet_tf.training.losses import CrossEntropy
from contextnet_tf.training.precision import LossScale
from contextnet_tf.training.recipe import Recipe
from contextnet_tf.training.strategy import Devices


def update_ema(ema: keras.Model, network: keras.Model, decay: float | tf.Tensor) -> None:
    """Updates each weight of `ema`, the EMA of `network`: a <- decay a + (1 - decay) w.

    Moving statistics of batch normalization are averaged too, to match the EMA weights.
    """
    for mean, weight in zip(ema.weights, network.weights, strict=True):
        mean.assign(decay * mean + (1.0 - decay) * weight)


def make_training_step(
    model: keras.Model,
    network: keras.Model,
    ema: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    recipe: Recipe,
    class_weights: np.ndarray | None,
    compute_config: ComputeConfig | None = None,
    loss_scale: LossScale | None = None,
) -> Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """The function {"image": float32 [B, H, W, 3], "label": uint8 [B, H, W]} -> metrics of the step.

    Each call updates the weights of `model` by one step of `optimizer`, and the EMA `ema` from `network`, the
    inference network of `model`. Every output except "main" is auxiliary; the recipe's `aux_weight` scales its loss.
    The metrics: "loss", "main_loss", "aux_loss" (sum of the auxiliary losses; 0 without any), "learning_rate", and
    "gradient_norm" (global norm of the loss gradient).

    `model` comes from `compute_config.place`, and `optimizer` is built in the strategy's scope. The batch is this
    process's part of the global batch. With `loss_scale`, an overflow of the gradients skips the update and only
    changes the scale.
    """
    compute_config = compute_config or ComputeConfig()
    devices = compute_config.devices
    cross_entropy = CrossEntropy(class_weights, recipe.label_smoothing, recipe.ohem_threshold)
    head_weights = {name: 1.0 if name == "main" else recipe.aux_weight for name in model.output}  # section 2.2.3
    backward = _Backward(model, cross_entropy, head_weights, compute_config, loss_scale)
    with devices.strategy.scope():
        apply_gradients = _make_apply_gradients(model, network, ema, optimizer, recipe, devices)

    def update(gradients: Sequence[tf.Tensor], head_values: tf.Tensor) -> dict[str, tf.Tensor]:
        values = dict(zip(head_weights, tf.unstack(head_values), strict=True))
        total = tf.add_n([weight * values[name] for name, weight in head_weights.items()])
        main_loss = values.pop("main")
        norm = tf.linalg.global_norm([tf.convert_to_tensor(gradient) for gradient in gradients])
        figures = {
            "loss": total,
            "main_loss": main_loss,
            "aux_loss": sum(values.values(), tf.zeros([])),
            "learning_rate": tf.convert_to_tensor(optimizer.learning_rate),
            "gradient_norm": norm,
        }
        if loss_scale is None:
            apply_gradients(gradients)
        else:
            finite = tf.math.is_finite(norm)
            tf.cond(finite, lambda: apply_gradients(gradients), lambda: tf.constant(False))
            loss_scale.update(finite)
        return figures

    if compute_config.accumulate > 1:
        whole_step = _accumulated(backward, update, model, compute_config)
    else:

        @tf.function
        def whole_step(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return update(*backward(batch, backward.weight(batch)))

    def training_step(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return whole_step(devices.split_among_replicas(batch))

    return training_step


class _Backward:
    """Forward and backward pass of a batch that is split into replicas and micro-batches.

    Losses are divided by the whole batch's weight, so the parts' gradients add up.
    """

    def __init__(
        self,
        model: keras.Model,
        cross_entropy: CrossEntropy,
        head_weights: Mapping[str, float],
        compute_config: ComputeConfig,
        loss_scale: LossScale | None,
    ):
        self._cross_entropy, self._head_weights = cross_entropy, head_weights
        self._weights = model.trainable_variables
        self._network = with_fused_batch_norm(model)
        self._strategy, self._parts, self._loss_scale = (
            compute_config.devices.strategy,
            compute_config.accumulate,
            loss_scale,
        )
        # XLA cannot compile the loss: the position of each band of rows is known only at run time.
        self._forward = tf.function(self._network, jit_compile=True) if compute_config.jit_compile else self._network

    def weight(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The total pixel weight of the whole batch, over all replicas: float32 []."""
        weights = self._strategy.run(self._cross_entropy.total_weight, args=(batch["label"],))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, weights, axis=None)

    def __call__(
        self, batch: Mapping[str, tf.Tensor], weight: tf.Tensor, part: int | tf.Tensor = 0
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients with respect to the trainable weights, and each head's loss float32 [heads], summed over replicas.

        Args:
          batch: "image" float32 [B, H, W, 3], "label" uint8 [B, H, W].
          weight: float32 [], the result of `weight` for the whole batch.
          part: index of the micro-batch, from 0.
        """
        gradients, losses = self._strategy.run(self._share, args=(batch, weight, part))
        destinations = [variable.value for variable in self._weights]
        add = tf.distribute.ReduceOp.SUM
        gradients = self._strategy.extended.batch_reduce_to(add, list(zip(gradients, destinations, strict=True)))
        return list(gradients), self._strategy.reduce(add, losses, axis=None)

    def _share(
        self, batch: Mapping[str, tf.Tensor], weight: tf.Tensor, part: int | tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        images, labels = (self._micro_batch(batch[name], part) for name in ("image", "label"))
        scale = 1.0 if self._loss_scale is None else self._loss_scale.value
        with tf.GradientTape() as tape:
            logits = self._forward(images, training=True)
            losses = [
                tf.math.divide_no_nan(self._cross_entropy.total(logits[name], labels), weight)
                for name in self._head_weights
            ]
            loss = scale * tf.add_n([a * b for a, b in zip(self._head_weights.values(), losses, strict=True)])
        gradients = tape.gradient(loss, self._weights)
        if self._loss_scale is not None:
            gradients = [gradient / scale for gradient in gradients]
        return gradients, tf.stack(losses)

    def _micro_batch(self, values: tf.Tensor, part: int | tf.Tensor) -> tf.Tensor:
        if self._parts == 1:
            return values
        # A new axis instead of a slice: tracing the network requires a static size.
        return tf.reshape(values, (self._parts, values.shape[0] // self._parts, *values.shape[1:]))[part]


def _make_apply_gradients(
    model: keras.Model,
    network: keras.Model,
    ema: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    recipe: Recipe,
    devices: Devices,
) -> Callable[[Sequence[tf.Tensor]], tf.Tensor]:
    """The function that applies gradients to the weights and updates statistics and EMA; it returns True."""
    weights = model.trainable_variables
    decayed = decayed_weights(model)
    _exclude_from_decay(optimizer, model, decayed)
    optimizer.build(weights)
    coupled = recipe.optimizer.coupled_weight_decay
    decayed_ids = {id(weight) for weight in decayed}

    def apply_gradients(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
        if coupled:
            gradients = [
                gradient + coupled * weight if id(weight) in decayed_ids else gradient
                for gradient, weight in zip(gradients, weights, strict=True)
            ]
        steps_before = tf.cast(optimizer.iterations, tf.float32)
        optimizer.apply(gradients, weights)
        if devices.replicas > 1:
            _agree_on_statistics(model, devices.strategy)
        if recipe.ema_decay:
            # A smaller decay early on: the EMA would otherwise mostly hold the random initial weights.
            update_ema(ema, network, tf.minimum(recipe.ema_decay, (1 + steps_before) / (10 + steps_before)))
        return tf.constant(True)

    return apply_gradients


def _agree_on_statistics(model: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Sets the moving statistics of batch normalization to their means over the replicas.

    A checkpoint holds the statistics of one replica, so all must be equal for a resumed run to be identical.
    """
    normalizations = [layer for layer in all_layers(model) if isinstance(layer, keras.layers.BatchNormalization)]
    statistics = [variable.value for layer in normalizations for variable in layer.non_trainable_variables]
    values = strategy.run(lambda: [tf.identity(variable) for variable in statistics])
    means = strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.MEAN, list(zip(values, statistics, strict=True)))
    for variable, mean in zip(statistics, means, strict=True):
        variable.assign(mean)


def _accumulated(
    backward: _Backward, update: Callable, model: keras.Model, compute_config: ComputeConfig
) -> Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """A step with gradient accumulation: micro-batches are computed in sequence, with only one in memory."""
    strategy = compute_config.devices.strategy
    with strategy.scope():
        sums = [tf.Variable(tf.zeros(weight.shape), trainable=False) for weight in model.trainable_variables]
    weigh = tf.function(backward.weight)

    @tf.function
    def add(batch: Mapping[str, tf.Tensor], weight: tf.Tensor, part: tf.Tensor) -> tf.Tensor:
        gradients, losses = backward(batch, weight, part)
        for total, gradient in zip(sums, gradients, strict=True):
            total.assign_add(gradient)
        return losses

    @tf.function
    def finish(losses: tf.Tensor) -> dict[str, tf.Tensor]:
        figures = update(sums, losses)
        for total in sums:
            total.assign(tf.zeros_like(total))
        return figures

    def whole_step(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        weight = weigh(batch)
        return finish(tf.add_n([add(batch, weight, part) for part in tf.range(compute_config.accumulate)]))

    return whole_step


def decayed_weights(model: keras.Model) -> list[keras.Variable]:
    """The weights subject to weight decay: kernels of ordinary and transposed convolutions.

    Section 3.1: "In the depth-wise convolution layers, we found that regularization is not necessary". We read it as
    L2 regularization; a symbol before the word may be lost.
    Biases and batch normalization are excluded, as usual: decaying them does not regularize the network.
    """
    ordinary = keras.layers.Conv2D | keras.layers.Conv2DTranspose  # DepthwiseConv2D is neither
    return [layer.kernel for layer in all_layers(model) if isinstance(layer, ordinary)]


def _exclude_from_decay(
    optimizer: keras.optimizers.Optimizer, model: keras.Model, decayed: list[keras.Variable]
) -> None:
    kept = {id(weight) for weight in decayed}
    optimizer.exclude_from_weight_decay([w for w in model.trainable_variables if id(w) not in kept])
