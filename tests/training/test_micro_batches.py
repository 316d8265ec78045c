"""Micro-batches make the step of the whole batch; the norm of the gradient."""

import numpy as np
import pytest
import tensorflow as tf
from small_batches import CLASS_WEIGHTS, RECIPE, batches, largest_difference, small_network, stepped

from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.losses import CrossEntropy


@pytest.mark.parametrize("parts", [2, 4])
def test_micro_batches_make_the_steps_of_the_whole_batch(parts):
    whole = stepped(ComputeConfig(), 5, frozen=True)
    cut = stepped(ComputeConfig(accumulate=parts), 5, frozen=True)
    assert largest_difference(whole[:2], cut[:2]) < 1e-5
    for figures, others in zip(whole[2], cut[2], strict=True):
        assert figures == pytest.approx(others, abs=1e-5)


def test_gradient_norm_is_that_of_all_weights_together():
    (_, _, (figures,)) = stepped(ComputeConfig(), 1, frozen=True)

    model, cross_entropy = small_network(frozen=True), CrossEntropy(CLASS_WEIGHTS)
    images, labels = map(tf.constant, batches(1)[0])
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        losses = {name: cross_entropy.total(logits[name], labels) for name in logits}
        loss = (losses["main"] + RECIPE.aux_weight * losses["aux"]) / cross_entropy.total_weight(labels)
    gradients = tape.gradient(loss, model.trainable_variables)
    squares = sum(float(np.sum(np.square(gradient, dtype=np.float64))) for gradient in gradients)
    assert figures["loss"] == pytest.approx(float(loss), rel=1e-5)
    assert figures["gradient_norm"] == pytest.approx(squares**0.5, rel=1e-5)
