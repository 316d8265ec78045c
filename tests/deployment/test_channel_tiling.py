"""Bottlenecks in groups of channels against the network as it was built."""

import keras
import numpy as np
import pytest
from statistics_of_a_trained_network import with_statistics

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment import channel_tiling
from contextnet_tf.deployment.channel_tiling import with_channel_tiling
from contextnet_tf.models.registry import build_model


def _count(model, kind):
    return sum(type(layer) is kind for layer in model.layers)


def test_the_same_function():
    keras.utils.set_random_seed(0)
    network = fold_batch_norm(with_statistics(build_model("cn14", num_classes=3, input_shape=(64, 128, 3))))
    grouped = with_channel_tiling(network)
    images = np.random.default_rng(0).random((2, 64, 128, 3), np.float32)
    expected = network.predict_on_batch(images)["main"]
    np.testing.assert_allclose(grouped.predict_on_batch(images)["main"], expected, rtol=1e-4, atol=1e-4)
    # Groups of the bottlenecks: 1 (it does not expand), 4, 4 6 6, 6 6 6, 6 6, 6 6: 63 for 12.
    assert _count(grouped, keras.layers.DepthwiseConv2D) == _count(network, keras.layers.DepthwiseConv2D) + 63 - 12
    assert _count(grouped, keras.layers.Add) == _count(network, keras.layers.Add) + 63 - 12
    assert grouped.count_params() == network.count_params()


def test_a_bottleneck_by_hand():
    image = keras.Input((1, 1, 1))
    x = keras.layers.Conv2D(96, 1, name="expand")(image)
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(keras.layers.ReLU(6)(x))
    network = keras.Model(image, keras.layers.Conv2D(1, 1, name="project")(keras.layers.ReLU(6)(x)))
    # Channel k expands 1 to k / 16, up to 6; each channel then counts 2 and once more 3: the sum of k / 16 is 285.
    network.get_layer("expand").set_weights([np.arange(96).reshape(1, 1, 1, 96) / 16, np.zeros(96)])
    network.get_layer("depthwise").set_weights([np.full((3, 3, 96, 1), 0.5), np.zeros(96)])
    network.get_layer("project").set_weights([np.full((1, 1, 96, 1), 3), np.float32([7])])
    grouped = with_channel_tiling(network)
    assert _count(grouped, keras.layers.Add) == 1  # two groups of 48
    np.testing.assert_allclose(grouped(np.ones((1, 1, 1, 1)))[0, 0, 0], [285 * 0.5 * 3 + 7], rtol=1e-6)


@pytest.mark.parametrize(
    ("channels", "groups"), [(32, 1), (48, 1), (96, 2), (100, 1), (144, 3), (192, 4), (288, 6), (768, 6)]
)
def test_groups(channels, groups):
    assert channel_tiling._groups(channels) == groups


def test_without_bottlenecks_nothing_changes():
    network = fold_batch_norm(build_model("detail-only", num_classes=3, input_shape=(32, 64, 3)))
    assert with_channel_tiling(network) is network
