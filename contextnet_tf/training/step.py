"""One training step, and the networks that it moves."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.training.forward import training_network
from contextnet_tf.training.losses import CrossEntropy
from contextnet_tf.training.recipe import Recipe


def inference_network(model: keras.Model) -> keras.Model:
    """The network without its auxiliary heads; it shares the weights of `model`."""
    return keras.Model(model.input, {"main": model.output["main"]}, name=model.name)


def move_average(averaged: keras.Model, network: keras.Model, decay: float | tf.Tensor) -> None:
    """Moves each weight of `averaged` towards that of `network`: a <- decay a + (1 - decay) w.

    Moving statistics of batch normalization are averaged too, so that they belong to the averaged weights.
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
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """The function (pictures float32 [B, H, W, 3], labels uint8 [B, H, W]) -> figures of the step.

    Each call moves the weights of `model` by one step of `optimizer`, and `averaged` after `network`,
    its inference network. Every output but "main" is an auxiliary one, whose loss counts with the recipe's
    weight. The figures: "loss", "main_loss", "aux_loss" (their sum; 0 without one), "learning_rate".
    """
    decayed = decayed_weights(model)
    _exclude_from_decay(optimizer, model, decayed)
    optimizer.build(model.trainable_variables)
    coupled = recipe.optimizer.coupled_weight_decay
    decayed_ids = {id(weight) for weight in decayed}
    cross_entropy = CrossEntropy(class_weights, recipe.label_smoothing, recipe.hard_below)
    trained = training_network(model)

    @tf.function
    def training_step(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = trained(images, training=True)
            weight = cross_entropy.total_weight(labels)
            losses = {
                name: tf.math.divide_no_nan(cross_entropy.total(logits[name], labels), weight) for name in logits
            }
            main_loss = losses.pop("main")
            aux_loss = sum(losses.values(), tf.zeros([]))
            loss = main_loss + recipe.aux_weight * aux_loss
        weights = model.trainable_variables
        gradients = tape.gradient(loss, weights)
        if coupled:
            gradients = [
                gradient + coupled * weight if id(weight) in decayed_ids else gradient
                for gradient, weight in zip(gradients, weights, strict=True)
            ]
        learning_rate = optimizer.learning_rate
        steps_before = tf.cast(optimizer.iterations, tf.float32)
        optimizer.apply(gradients, weights)
        if recipe.averaging:
            # Early on the average would mostly hold the first, random weights: let it follow faster.
            move_average(averaged, network, tf.minimum(recipe.averaging, (1 + steps_before) / (10 + steps_before)))
        return {"loss": loss, "main_loss": main_loss, "aux_loss": aux_loss, "learning_rate": learning_rate}

    return training_step


def decayed_weights(model: keras.Model) -> list[keras.Variable]:
    """The weights that weight decay pulls to zero: kernels of ordinary convolutions, transposed ones too.

    Section 3.1: "In the depth-wise convolution layers, we found that regularization is not necessary".
    Biases and batch normalization are left out as usual: pulling them to zero makes nothing simpler.
    """
    ordinary = keras.layers.Conv2D | keras.layers.Conv2DTranspose  # DepthwiseConv2D is neither
    return [layer.kernel for layer in model.layers if isinstance(layer, ordinary)]


def _exclude_from_decay(
    optimizer: keras.optimizers.Optimizer, model: keras.Model, decayed: list[keras.Variable]
) -> None:
    kept = {id(weight) for weight in decayed}
    optimizer.exclude_from_weight_decay([w for w in model.trainable_variables if id(w) not in kept])
