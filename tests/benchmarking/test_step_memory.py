"""The memory of a training step: in a process of its own, and less than that of a simple one."""

import dataclasses
import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from small_batches import RECIPE, batches, small_network

from contextnet_tf.benchmarking.step_memory import simple_step, step_memory
from contextnet_tf.benchmarking.training_step import bare_step
from contextnet_tf.errors import InputError
from contextnet_tf.training.recipe import SMOKE


def test_memory_of_the_step_itself_is_measured():
    measured = step_memory("detail-only", SMOKE, (256, 512), 1, simple=True)
    # Logits of 19 classes, float32: 9.5 MiB; the step has at least them, their losses' slopes and the features.
    assert measured.of_the_step > 20 * 2**20
    assert measured.peak == measured.before + measured.of_the_step


class Killing:
    """An optimizer that ends its process, as a system short of memory does it."""

    def build(self, learning_rate):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_is_one_line():
    recipe = dataclasses.replace(SMOKE, optimizer=Killing())
    with pytest.raises(InputError, match="^the process ended unexpectedly, perhaps because memory ran out$"):
        step_memory("detail-only", recipe, (64, 128), 2, simple=True)


def test_the_simple_step_is_the_same_step():
    recipe = dataclasses.replace(RECIPE, ema_decay=0.0, base_learning_rate=1e-3)
    images, labels = map(tf.constant, batches(1)[0])
    batch = {"image": images, "label": labels}
    ours = bare_step(small_network(frozen=False), recipe, 10**6, batch)
    optimizer = recipe.optimizer.build(1e-3)
    step = simple_step(small_network(frozen=False), optimizer, recipe.aux_weight)
    first, second = ours(), ours()
    assert float(step(batch)) == pytest.approx(first, rel=1e-5)
    np.testing.assert_allclose(float(step(batch)), second, rtol=1e-2)  # it decays all weights
