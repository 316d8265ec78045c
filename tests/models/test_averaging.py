"""Averages of weights, on networks whose means can be written down."""

import dataclasses

import keras
import numpy as np
import pytest
from tiny_network import TINY

from contextnet_tf.errors import InputError
from contextnet_tf.models.averaging import averaged_weights
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.registry import build_model


def _network(seed=0, num_classes=3, **settings):
    keras.utils.set_random_seed(seed)
    return build_model(TINY, num_classes=num_classes, input_shape=(None, None, 3), **settings)


def _filled(value):
    network = _network()
    for weight in network.weights:
        weight.assign(np.full(weight.shape, value))
    return network


def _one_layer(dilation):
    image = keras.Input((None, None, 3))
    logits = keras.layers.Conv2D(3, 3, padding="same", dilation_rate=dilation, name="classifier")(image)
    return keras.Model(image, {"main": logits}, name="tiny")


def test_every_weight_is_the_mean():
    networks = [_filled(1.0), _filled(2.0), _filled(6.0)]
    average = averaged_weights(networks)
    assert len(average.weights) == len(networks[0].weights) > 20
    for weight in average.weights:
        np.testing.assert_array_equal(weight.numpy(), np.full(weight.shape, 3.0))
    # Moving variances are among them, and the networks are as before.
    assert any(weight.path.endswith("moving_variance") for weight in average.weights)
    assert [float(network.weights[0].numpy().flat[0]) for network in networks] == [1, 2, 6]


def test_the_average_of_equal_networks_is_the_network():
    network = _network(seed=4)
    average = averaged_weights([network, _network(seed=4)])
    image = np.random.default_rng(0).random((1, 64, 96, 3), np.float32)
    np.testing.assert_array_equal(average(image)["main"], network(image)["main"])
    assert average.name == "tiny" and spec_of(average) == TINY
    assert average is not network and not np.shares_memory(average.weights[0].numpy(), network.weights[0].numpy())


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        (list, "an average needs two or more networks, not 0"),
        (lambda: [_network()], "an average needs two or more networks, not 1"),
        (lambda: [_network(), _network(), _network(num_classes=4)], "network 3 of 3 differs from the first: "),
        (
            lambda: [_network(), build_model("cn14", num_classes=3, input_shape=(None, None, 3))],
            "network 2 of 2 differs from the first: it is the network 'cn14', not 'tiny'",
        ),
        (
            lambda: [_network(), _network(aux_head=True)],
            "network 2 of 2 differs from the first: only one of them has ",
        ),
        (
            lambda: [
                _network(),
                build_model(
                    dataclasses.replace(TINY, fusion_order="upsample last"), num_classes=3, input_shape=(None, None, 3)
                ),
            ],
            "network 2 of 2 differs from the first: its spec is not the same",
        ),
        (
            lambda: [_one_layer(1), _one_layer(2)],
            "network 2 of 2 differs from the first: its layer classifier has other settings",
        ),
    ],
    ids=["none", "one", "classes", "name", "head", "spec", "settings"],
)
def test_networks_that_cannot_be_averaged(networks, message):
    with pytest.raises(InputError, match=message):
        averaged_weights(networks())
