"""Peak memory of a training step, measured in a separate process."""

import concurrent.futures.process
import dataclasses
import multiprocessing
from collections.abc import Mapping

import keras
import tensorflow as tf

from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.errors import InputError
from contextnet_tf.machine import peak_memory
from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.benchmarks import StepMemoryRow
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.plan import Poly
from contextnet_tf.training.recipe import Recipe
from contextnet_tf.training.step import make_training_step

_STEPS = 2  # the second also holds the optimizer's slots and memory kept by the first


def step_memory(
    model: str, recipe: Recipe, size: tuple[int, int], batch_size: int, *, num_classes: int = 19, simple: bool
) -> StepMemoryRow:
    """Measures training steps of a network on the CPU, in a new process.

    Args:
      model: name of the network.
      recipe: optimizer and weight of the auxiliary loss.
      size: (height, width) of the images.
      batch_size: images per step.
      num_classes: number of classes.
      simple: measure `simple_step` instead of the project's training step: full-size logits from the network,
        cast to float32; TensorFlow's cross-entropy of every pixel; Keras' batch normalization.

    Raises:
      InputError: the process ended, for example because memory ran out.
    """
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(_measure, model, recipe, size, batch_size, num_classes, simple).result()
        except concurrent.futures.process.BrokenProcessPool:
            raise InputError("the process ended unexpectedly, perhaps because memory ran out") from None


def simple_step(model: keras.Model, optimizer: keras.optimizers.Optimizer, aux_weight: float):
    """The step for comparison: {"image", "label"} -> loss; see `step_memory`."""

    def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        counted = tf.cast(labels != IGNORE, tf.float32)
        known = tf.where(labels != IGNORE, tf.cast(labels, tf.int32), 0)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(known, tf.cast(logits, tf.float32))
        return tf.reduce_sum(losses * counted) / tf.reduce_sum(counted)

    @tf.function
    def step(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(batch["image"], training=True)
            losses = {name: cross_entropy(logits[name], batch["label"]) for name in logits}
            loss = losses.pop("main") + aux_weight * sum(losses.values())
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return step


def _measure(
    model: str, recipe: Recipe, size: tuple[int, int], batch_size: int, num_classes: int, simple: bool
) -> StepMemoryRow:
    network = build_model(model, num_classes=num_classes, input_shape=(None, None, 3), aux_head=True)
    recipe = dataclasses.replace(recipe, ema_decay=0.0)
    optimizer = recipe.optimizer.build(Poly(recipe.base_learning_rate, recipe.power, _STEPS))
    optimizer.build(network.trainable_variables)
    if simple:
        step = simple_step(network, optimizer, recipe.aux_weight)
    else:
        inference = without_aux_heads(network)
        step = make_training_step(network, inference, inference, optimizer, recipe, None, ComputeConfig())
    images = tf.random.uniform((batch_size, *size, 3))
    labels = tf.cast(tf.random.uniform((batch_size, *size), 0, num_classes, tf.int32), tf.uint8)
    before = peak_memory()
    for _ in range(_STEPS):
        step({"image": images, "label": labels})
    return StepMemoryRow(batch_size, simple, before, peak_memory())
