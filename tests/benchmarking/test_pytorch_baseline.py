"""The PyTorch network that speeds are compared with computes what ours does. Runs where PyTorch is installed."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_batches import RECIPE, batches, small_network

from contextnet_tf.benchmarking.training_step import bare_step

torch = pytest.importorskip("torch")


def test_losses_of_the_first_steps_agree():
    from contextnet_tf.benchmarking.pytorch_baseline import torch_step

    recipe = dataclasses.replace(RECIPE, ema_decay=0.0, class_weight_exponent=0.0, base_learning_rate=1e-3)
    images, labels = batches(1)[0]
    theirs = torch_step(small_network(frozen=False), recipe, images, labels)
    # A schedule so long that its rate stays that of its beginning.
    ours = bare_step(small_network(frozen=False), recipe, 10**6, (tf.constant(images), tf.constant(labels)))
    np.testing.assert_allclose([ours() for _ in range(5)], [theirs(1) for _ in range(5)], rtol=2e-4)
