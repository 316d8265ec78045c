"""The network in its form for training against the network as it was built."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import contextnet_tf as cn
from contextnet_tf.training.fused_batch_norm import FusedBatchNormalization, with_fused_batch_norm


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    built = cn.build_model("cn14", num_classes=3, input_shape=(64, 128, 3), aux_head=True)
    built.get_layer("dropout").rate = 0.0  # two passes would drop different features
    return built


def _statistics(model):
    return {w.path: w.numpy() for w in model.non_trainable_weights if "moving" in w.path}


def test_the_small_logits_upsampled_are_the_outputs(model):
    images = np.random.default_rng(0).random((2, 64, 128, 3), np.float32)
    small, large = with_fused_batch_norm(model)(images), model(images)
    assert {name: tuple(x.shape) for name, x in small.items()} == {"main": (2, 8, 16, 3), "aux": (2, 2, 4, 3)}
    for name in ("main", "aux"):
        np.testing.assert_allclose(tf.image.resize(small[name], (64, 128)), large[name], atol=1e-5)


def test_a_pass_in_training_has_the_same_outputs_gradients_and_moving_statistics(model):
    images = np.random.default_rng(1).random((2, 64, 128, 3), np.float32)
    before = model.get_weights()
    results = []
    for network in (with_fused_batch_norm(model), model):
        model.set_weights(before)
        with tf.GradientTape() as tape:
            outputs = network(images, training=True)
            loss = tf.reduce_mean(tf.image.resize(outputs["main"], (64, 128)) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        norms = {w.path: float(tf.norm(g)) for w, g in zip(model.trainable_variables, gradients) if g is not None}
        results.append((loss.numpy(), norms, _statistics(model)))
    (loss, norms, statistics), (expected_loss, expected_norms, expected_statistics) = results
    # 48 normalizations of small batches enlarge what rounding leaves.
    np.testing.assert_allclose(loss, expected_loss, rtol=5e-3)
    assert norms.keys() == expected_norms.keys()
    total = np.sqrt(sum(norm**2 for norm in expected_norms.values()))
    for path, norm in expected_norms.items():
        assert abs(norms[path] - norm) < 1e-2 * total, path
    for path, expected in expected_statistics.items():
        np.testing.assert_allclose(statistics[path], expected, rtol=1e-2, atol=1e-4, err_msg=path)


def test_weights_are_the_model_s_own(model):
    network = with_fused_batch_norm(model)
    assert {id(w) for w in network.trainable_variables} == {id(w) for w in model.trainable_variables}
    fused = [layer for layer in network.layers if isinstance(layer, FusedBatchNormalization)]
    assert len(fused) == sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers) > 40


def test_frozen_statistics_stay():
    layer = keras.layers.BatchNormalization()
    layer.build((None, 1, 1, 2))
    layer.trainable = False
    fused = FusedBatchNormalization(layer)
    x = tf.constant([[[[1.0, 2.0]]], [[[3.0, 6.0]]]])
    np.testing.assert_allclose(fused(x, training=True), x / np.sqrt(1.001), rtol=1e-6)
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])


def test_statistics_of_a_batch_by_hand():
    layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=1.0)
    layer.build((None, 1, 1, 1))
    outputs = FusedBatchNormalization(layer)(tf.constant([[[[1.0]]], [[[5.0]]]]), training=True)
    # Mean 3, variance 4 (of the two values, not of what they stand for): (1 - 3) / sqrt(4 + 1).
    np.testing.assert_allclose(outputs[:, 0, 0, 0], [-2 / np.sqrt(5), 2 / np.sqrt(5)], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, [0.3], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, [0.9 + 0.1 * 4], rtol=1e-5)
