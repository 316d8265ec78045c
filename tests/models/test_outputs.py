"""The network around the same layers with other outputs."""

import keras
import numpy as np
import pytest
from keras import layers

from contextnet_tf.models.outputs import layers_giving_logits, without_aux_heads, without_upsampling
from contextnet_tf.models.registry import build_model


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("cn14", {"main": 8, "aux": 32}),
        ("context-only", {"main": 32}),
        ("detail-only", {"main": 8}),
        ("icnet", {"main": 4, "aux": 16, "aux2": 8}),
        ("erfnet", {"main": 1}),
    ],
)
def test_small_logits_of_every_output(name, factors):
    network = build_model(name, num_classes=3, input_shape=(64, 96, 3), aux_head=True)
    small, found = without_upsampling(network)
    assert found == factors
    assert {key: value.shape for key, value in small.output.items()} == {
        key: (None, 64 // factor, 96 // factor, 3) for key, factor in factors.items()
    }
    assert {id(weight) for weight in small.weights} == {id(weight) for weight in network.weights}


def test_upsampled_again_they_are_the_outputs():
    network = build_model("cn14", num_classes=3, input_shape=(32, 64, 3))
    image = np.random.default_rng(0).random((1, 32, 64, 3), np.float32)
    small, factors = without_upsampling(network)
    upsampling = layers.UpSampling2D(factors["main"], interpolation="bilinear")
    np.testing.assert_array_equal(upsampling(small(image)["main"]), network(image)["main"])


@pytest.mark.parametrize(
    "settings", [{"size": 2, "interpolation": "nearest"}, {"size": (2, 3), "interpolation": "bilinear"}]
)
def test_other_enlargements_stay(settings):
    image = keras.Input((4, 4, 3))
    network = keras.Model(image, {"main": layers.UpSampling2D(**settings)(layers.Conv2D(2, 1)(image))})
    small, factors = without_upsampling(network)
    assert factors == {"main": 1} and small.output["main"].shape == network.output["main"].shape


def test_without_auxiliary_heads():
    network = build_model("icnet", num_classes=3, input_shape=(None, None, 3), aux_head=True)
    main = without_aux_heads(network)
    assert list(main.output) == ["main"]
    assert {layer.name for layer in network.layers} - {layer.name for layer in main.layers} == {
        "aux_classifier", "aux", "aux2_classifier", "aux2",
    }  # fmt: skip
    assert main.get_layer("classifier") is network.get_layer("classifier")


def test_layers_that_give_logits():
    network = build_model("cn14", num_classes=3, input_shape=(None, None, 3), aux_head=True)
    assert {layer.name for layer in layers_giving_logits(network)} == {"classifier", "main", "aux_classifier", "aux"}


def test_layers_that_give_logits_in_a_model_within_the_model():
    image = keras.Input((None, None, 3))
    head = keras.Sequential(
        [keras.Input((None, None, 3)), layers.Conv2D(2, 1, name="conv"), layers.UpSampling2D(2, name="up")], name="head"
    )
    network = keras.Model(image, {"main": head(layers.Conv2D(3, 1, name="first")(image))})
    assert {layer.name for layer in layers_giving_logits(network)} == {"head", "up", "conv"}
