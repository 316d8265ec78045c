"""One training step: the updates of the network's weights and of the EMA."""

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.models.graph import all_layers
from contextnet_tf.training.backward import Backward
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.losses import CrossEntropy, head_losses
from contextnet_tf.training.precision import LossScale
from contextnet_tf.training.recipe import Recipe
from contextnet_tf.training.strategy import Devices


def update_ema(averaged: keras.Model, network: keras.Model, decay: float | tf.Tensor) -> None:
    """Updates each weight of `averaged`, the EMA of `network`: a <- decay a + (1 - decay) w.

    Moving statistics of batch normalization are averaged too, to match the EMA weights.
    """
    for average, weight in zip(averaged.weights, network.weights, strict=True):
        average.assign(decay * average + (1.0 - decay) * weight)


def make_training_step(
    model: keras.Model,
    network: keras.Model,
    averaged: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    recipe: Recipe,
    class_weights: np.ndarray | None,
    compute_config: ComputeConfig | None = None,
    loss_scale: LossScale | None = None,
) -> Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """The function {"image": float32 [B, H, W, 3], "label": uint8 [B, H, W]} -> metrics of the step.

    Each call updates the weights of `model` by one step of `optimizer`, and the EMA `averaged` from `network`, the
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
    losses = head_losses(model.output, recipe.aux_weight, cross_entropy)
    backward = Backward(model, losses, compute_config, loss_scale)
    with devices.strategy.scope():
        move = _make_move(model, network, averaged, optimizer, recipe, devices)

    def update(gradients: Sequence[tf.Tensor], head_values: tf.Tensor) -> dict[str, tf.Tensor]:
        values = dict(zip(losses, tf.unstack(head_values), strict=True))
        total = tf.add_n([weight * values[name] for name, (_, weight) in losses.items()])
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
            move(gradients)
        else:
            finite = tf.math.is_finite(norm)
            tf.cond(finite, lambda: move(gradients), lambda: tf.constant(False))
            loss_scale.update(finite)
        return figures

    if compute_config.accumulate > 1:
        whole_step = _accumulated(backward, update, model, compute_config)
    else:

        @tf.function
        def whole_step(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return update(*backward(batch, backward.weight(batch)))

    def training_step(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return whole_step(devices.shared_out(batch))

    return training_step


def _make_move(
    model: keras.Model,
    network: keras.Model,
    averaged: keras.Model,
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

    def move(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
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
            update_ema(averaged, network, tf.minimum(recipe.ema_decay, (1 + steps_before) / (10 + steps_before)))
        return tf.constant(True)

    return move


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
    backward: Backward, update: Callable, model: keras.Model, compute_config: ComputeConfig
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

    Section 3.1: "In the depth-wise convolution layers, we found that regularization is not necessary".
    Biases and batch normalization are excluded, as usual: decaying them does not regularize the network.
    """
    ordinary = keras.layers.Conv2D | keras.layers.Conv2DTranspose  # DepthwiseConv2D is neither
    return [layer.kernel for layer in all_layers(model) if isinstance(layer, ordinary)]


def _exclude_from_decay(
    optimizer: keras.optimizers.Optimizer, model: keras.Model, decayed: list[keras.Variable]
) -> None:
    kept = {id(weight) for weight in decayed}
    optimizer.exclude_from_weight_decay([w for w in model.trainable_variables if id(w) not in kept])
