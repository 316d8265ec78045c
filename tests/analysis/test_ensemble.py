"""The mean of soft-maxes, by hand and through files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from statistics_of_a_trained_network import with_statistics
from tiny_network import TINY

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.analysis.ensemble import ensemble
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.parity import check_parity
from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.sizes import size_multiple


def constant(name, *values, size=(None, None)):
    """A network that gives the same logits everywhere."""
    image = keras.Input((*size, 3), name="image")
    classifier = layers.Conv2D(len(values), 1, kernel_initializer="zeros", name="main")
    model = keras.Model(image, {"main": classifier(image)}, name=name)
    classifier.bias.assign(values)
    return model


@pytest.fixture(scope="module")
def branches():
    keras.utils.set_random_seed(0)
    return [
        with_statistics(build_model(name, num_classes=3, input_shape=(None, None, 3)))
        for name in ("context-onlyx0.25", "detail-onlyx0.25")
    ]


def images(count=1, size=(64, 96)):
    return np.random.default_rng(0).integers(0, 256, (count, *size, 3), np.uint8)


def test_mean_of_probabilities_by_hand():
    # Probabilities 0.8, 0.1, 0.1 and 0.2, 0.6, 0.2.
    first, second = constant("first", *np.log([0.8, 0.1, 0.1])), constant("second", *np.log([0.2, 0.6, 0.2]) + 5)
    logits = ensemble([first, second])(np.ones((1, 1, 1, 3)))["main"][0, 0, 0]
    np.testing.assert_allclose(np.exp(logits), [0.5, 0.35, 0.15], rtol=1e-5)


def test_a_probability_of_zero_is_a_finite_logit():
    model = ensemble([constant("a", 0, 1000), constant("b", 0, 1000), constant("c", 0, 1000)])
    np.testing.assert_allclose(model(np.ones((1, 1, 1, 3)))["main"][0, 0, 0], [np.log(1e-7), 0], atol=1e-6)


def test_members_of_different_resolution(branches):
    model = ensemble(branches)
    image = images().astype(np.float32) / 255
    expected = np.mean([keras.ops.softmax(member(image)["main"]) for member in branches], axis=0)
    np.testing.assert_allclose(keras.ops.softmax(model(image)["main"]), expected, atol=1e-5)
    assert model.name == "context-onlyx0.25_and_detail-onlyx0.25"
    assert list(model.output) == ["main"] and model.output["main"].shape == (None, None, None, 3)
    assert size_multiple(model) == 32
    assert count_parameters(model) == sum(map(count_parameters, branches))
    assert spec_of(model) is None
    assert not {id(weight) for weight in model.weights} & {id(w) for member in branches for w in member.weights}


def test_its_name_can_be_traced(branches):
    # TensorFlow opens a scope with the name of the model.
    traced = tf.function(ensemble(branches))
    assert traced(np.zeros((1, 32, 32, 3), np.float32))["main"].shape == (1, 32, 32, 3)


def test_networks_with_auxiliary_heads_and_the_same_network_twice():
    model = build_model(TINY, num_classes=3, input_shape=(None, None, 3), aux_head=True)
    twice = ensemble([model, model])
    image = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    np.testing.assert_allclose(
        keras.ops.softmax(twice(image)["main"]), keras.ops.softmax(model(image)["main"]), atol=1e-5
    )


def test_saved_and_loaded_in_safe_mode(branches, tmp_path):
    model = ensemble(branches)
    model.save(tmp_path / "ensemble.keras")
    image = images().astype(np.float32) / 255
    np.testing.assert_array_equal(load_network(tmp_path / "ensemble.keras")(image)["main"], model(image)["main"])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_exported_with_built_in_operators(branches, precision, tmp_path):
    model = ensemble(branches)
    calibration = list(images(16)) if precision == "int8" else None
    export_tflite(model, tmp_path / "model.tflite", precision, size=(64, 96), calibration=calibration)
    parity = check_parity(tmp_path / "model.tflite", model, images(2))
    if precision == "float32":
        assert parity.largest_difference < 1e-3
        assert parity.label_parity > 0.999
    else:
        assert parity.label_parity > 0.9


def test_what_is_no_ensemble():
    first = constant("first", 0, 1)
    with pytest.raises(InputError, match="an ensemble needs two networks or more, not 1"):
        ensemble([first])
    with pytest.raises(InputError, match="networks of an ensemble need the same classes; these have 2, 3"):
        ensemble([first, constant("second", 0, 1, 2)])
    with pytest.raises(
        InputError, match="networks of an ensemble need the same image size; these have 4 x 4 and 8 x 8"
    ):
        ensemble([constant("a", 0, 1, size=(8, 8)), first, constant("b", 0, 1, size=(4, 4))])
    image = keras.Input((None, None, 3))
    with pytest.raises(InputError, match="network 'other': has no output 'main'"):
        ensemble([first, keras.Model(image, layers.Conv2D(2, 1)(image), name="other")])
