"""One training step by hand: its losses, weight decay and average."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import RECIPE, tiny_network

from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.training.recipe import Adam
from contextnet_tf.training.step import decayed_weights, make_training_step, update_ema

COUPLED = dataclasses.replace(RECIPE, optimizer=Adam(coupled_weight_decay=0.25))


def _all_twos():
    """A depth-wise and an ordinary convolution, of which all weights are 2."""
    image = keras.Input((None, None, 3))
    spread = keras.layers.DepthwiseConv2D(1, use_bias=False, name="depthwise")(image)
    logits = keras.layers.Conv2D(5, 1, use_bias=False, name="classifier")(spread)
    model = keras.Model(image, {"main": logits}, name="twos")
    model.set_weights([np.full(weight.shape, 2, np.float32) for weight in model.get_weights()])
    return model


def _steps_on_black(model, optimizer, recipe, steps=1):
    """The average, 0 before the first step, after each step. On black images all gradients of the loss are 0."""
    network = without_aux_heads(model)
    ema = keras.models.clone_model(network)
    ema.set_weights([np.zeros_like(weight) for weight in ema.get_weights()])
    step = make_training_step(model, network, ema, optimizer, recipe, None)
    averages = []
    for _ in range(steps):
        step({"image": tf.zeros([1, 4, 4, 3]), "label": tf.zeros([1, 4, 4], tf.uint8)})
        averages.append(_weights(ema))
    return averages


def _weights(model):
    """The value of all weights of each layer with any."""
    values = {layer.name: np.unique(layer.get_weights()[0]) for layer in model.layers if layer.weights}
    assert all(len(value) == 1 for value in values.values())
    return {name: float(value[0]) for name, value in values.items()}


@pytest.mark.parametrize(("auxiliary", "share"), [((), 0.0), (("aux",), 1.0), (("aux", "aux2"), 2.0)])
def test_every_output_but_the_main_one_is_an_auxiliary_loss(auxiliary, share):
    image = keras.Input((None, None, 3))
    logits = {name: keras.layers.Conv2D(5, 1, kernel_initializer="zeros")(image) for name in ("main", *auxiliary)}
    model = keras.Model(image, logits, name="undecided")
    network = without_aux_heads(model)
    step = make_training_step(
        model, network, keras.models.clone_model(network), RECIPE.optimizer.build(1e-3), RECIPE, None
    )

    batch = {"image": tf.ones([1, 4, 4, 3]), "label": tf.zeros([1, 4, 4], tf.uint8)}
    figures = {name: float(x) for name, x in step(batch).items()}

    # Every class is as likely as another: each cross-entropy is ln 5.
    assert figures["main_loss"] == pytest.approx(1.609438)
    assert figures["aux_loss"] == pytest.approx(share * 1.609438)
    assert figures["loss"] == pytest.approx(1.609438 * (1 + 0.4 * share))


def test_weight_decay_spares_depthwise_kernels_biases_and_normalization():
    names = {weight.path for weight in decayed_weights(tiny_network())}
    assert {"detail_conv1/kernel", "fusion_context_project/kernel", "classifier/kernel"} <= names
    assert not any("depthwise" in name or name.endswith(("bias", "gamma", "beta")) for name in names)


def test_coupled_weight_decay_is_added_to_the_gradient_of_ordinary_convolutions():
    model = _all_twos()
    _steps_on_black(model, keras.optimizers.SGD(1.0), COUPLED)
    # 2 - 1.0 * 0.25 * 2
    assert _weights(model) == {"depthwise": 2.0, "classifier": 1.5}


def test_decoupled_weight_decay_spares_depthwise_convolutions():
    model = _all_twos()
    _steps_on_black(model, keras.optimizers.AdamW(0.1, weight_decay=0.5), RECIPE)
    # 2 - 0.1 * 0.5 * 2
    assert _weights(model) == {"depthwise": 2.0, "classifier": pytest.approx(1.9)}


def test_the_average_moves_faster_in_the_first_steps():
    recipe = dataclasses.replace(COUPLED, ema_decay=0.9)
    first, second = _steps_on_black(_all_twos(), keras.optimizers.SGD(1.0), recipe, steps=2)
    # The decay is 1 / 10, then 2 / 11; the classifier's weights become 1.5 and 1.125.
    assert first == {"depthwise": pytest.approx(0.9 * 2), "classifier": pytest.approx(0.9 * 1.5)}
    assert second == {
        "depthwise": pytest.approx(2 / 11 * 0.9 * 2 + 9 / 11 * 2),
        "classifier": pytest.approx(2 / 11 * 0.9 * 1.5 + 9 / 11 * 1.125),
    }


def test_the_average_moves_by_its_own_decay_where_that_is_smaller():
    recipe = dataclasses.replace(COUPLED, ema_decay=0.125)
    first, second = _steps_on_black(_all_twos(), keras.optimizers.SGD(1.0), recipe, steps=2)
    # The decay is 1 / 10, then 1 / 8.
    assert first["classifier"] == pytest.approx(0.9 * 1.5)
    assert second["classifier"] == pytest.approx(0.125 * 0.9 * 1.5 + 0.875 * 1.125)


def test_average_moves_by_its_decay():
    network = without_aux_heads(tiny_network())
    ema = keras.models.clone_model(network)
    update_ema(ema, network, 0.0)
    network.get_layer("classifier").bias.assign(np.full(11, 8.0))
    update_ema(ema, network, 0.75)
    # 0.75 * 0 + 0.25 * 8
    np.testing.assert_allclose(ema.get_layer("classifier").bias, np.full(11, 2.0))
