"""The network that every exported file is made of."""

import keras
import numpy as np
from tiny_network import TINY

from contextnet_tf.deployment.network import folded
from contextnet_tf.models.graph import all_layers
from contextnet_tf.models.registry import build_model


def test_networks_of_another_dtype_policy_are_exported_in_float32():
    """The converter knows no half precision, and a user's policy applies to every network built after."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(TINY, num_classes=3, input_shape=(32, 48, 3))
    finally:
        keras.config.set_dtype_policy("float32")
    exact = folded(model)
    assert {layer.compute_dtype for layer in all_layers(exact)} == {"float32"}
    image = np.random.default_rng(0).random((1, 32, 48, 3), np.float32)
    np.testing.assert_allclose(exact(image)["main"], model(image)["main"], rtol=0.01, atol=0.01)
    assert folded(exact) is exact
