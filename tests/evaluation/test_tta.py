"""Soft-maxes averaged over scales and flips, against a network whose answer is known."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import write_tiny_network

from contextnet_tf.errors import InputError
from contextnet_tf.evaluation import traced
from contextnet_tf.evaluation.evaluate import segmentation
from contextnet_tf.evaluation.tta import averaged_probabilities
from contextnet_tf.models.loading import load_network


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """One convolution with random weights; it takes multiples of 8."""
    path = tmp_path_factory.mktemp("network") / "tiny.keras"
    write_tiny_network(path, 5)
    return load_network(path)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (40, 70, 3), np.uint8)


def _pointwise(kernel):
    """A network of one 1x1 convolution: each pixel's logits are its color times `kernel`, float [3, C]."""
    inputs = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(len(kernel[0]), 1, use_bias=False)
    model = keras.Model(inputs, {"main": layer(inputs)})
    layer.set_weights([np.array(kernel, np.float32).reshape(1, 1, 3, -1)])
    return model


def _probabilities(network, image):
    """float64 [H, W, C] of float32 [H, W, 3], padded by the edge to a multiple of 8."""
    height, width, _ = image.shape
    padded = np.pad(image, ((0, -height % 8), (0, -width % 8), (0, 0)), mode="edge")
    logits = network(padded[np.newaxis], training=False)["main"].numpy()[0].astype(np.float64)[:height, :width]
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _labels(network, image, **settings):
    return averaged_probabilities(network, **settings)(image).numpy().argmax(axis=-1)


def test_one_scale_without_flip_is_the_plain_network(network, image):
    np.testing.assert_array_equal(_labels(network, image), segmentation(network)(tf.constant(image)))


def test_the_mirrored_image_counts_as_much_as_the_image(network, image):
    scaled = image.astype(np.float32) / 255
    mean = _probabilities(network, scaled) + _probabilities(network, scaled[:, ::-1])[:, ::-1]
    labels = _labels(network, image, flip=True)
    sure = np.diff(np.sort(mean, axis=-1)[..., -2:], axis=-1)[..., 0] > 1e-5
    assert sure.mean() > 0.99 and len(np.unique(labels)) > 1
    np.testing.assert_array_equal(labels[sure], mean.argmax(axis=-1)[sure])
    # A mirrored image has mirrored labels, which the plain network does not give.
    mirrored = _labels(network, image[:, ::-1], flip=True)[:, ::-1]
    np.testing.assert_array_equal(mirrored[sure], labels[sure])
    assert (segmentation(network)(tf.constant(image[:, ::-1])).numpy()[:, ::-1] != labels).any()


def test_old_sizes_take_no_memory(monkeypatch):
    """As on photos of many sizes: the graph of each takes megabytes."""
    monkeypatch.setattr(traced, "_MOST_SIZES", 1)
    averaged = averaged_probabilities(_pointwise([[0, 1]] * 3), flip=True)
    for size in ((2, 3), (3, 2), (2, 3)):
        assert averaged(np.zeros((*size, 3), np.uint8)).shape == (*size, 2)
        assert list(averaged._graphs) == [size]


def test_scales_are_averaged_as_probabilities_not_as_logits():
    # Red and green rows alternate; at half size all are half of both. On green, class 1 leads by 10 (probability 1.0);
    # at half size, class 0 leads by 1.4 (probability 0.8).
    image = np.zeros((16, 16, 3), np.uint8)
    image[::2, :, 0] = image[1::2, :, 1] = 255
    network = _pointwise([[12.8, 0], [0, 10], [0, 0]])
    middle = _labels(network, image, scales=[1.0, 0.5])[4:-4, 8]
    assert middle.tolist() == [0, 1] * 4  # 0.8 against 1.2
    middle = _labels(network, image, scales=[1.0, 0.5, 0.5])[4:-4, 8]
    assert middle.tolist() == [0] * 8  # 1.6 against 1.4; logits would add up to 12.8 against 20


def test_logits_are_resized_to_the_image_not_probabilities():
    # Twice as wide, the red pixel's share is 0, 1/4, 3/4 and 1: logits of class 1 are 0, 2 ln 3, 6 ln 3 and 8 ln 3.
    # Resized back, they are ln 3 and 7 ln 3: probabilities 3 / (1 + 3) and 3^7 / (1 + 3^7).
    network = _pointwise([[0, 8 * math.log(3)], [0, 0], [0, 0]])
    image = np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8)
    probabilities = averaged_probabilities(network, scales=[2.0])(image).numpy()
    np.testing.assert_allclose(probabilities[0, :, 1], [0.75, 2187 / 2188], atol=1e-6)


def test_a_reduced_image_skips_no_columns():
    # Every fourth column is red. A quarter as wide, the two middle ones of four columns, both black, would be all
    # that counts without antialiasing: probability 1/2.
    image = np.zeros((8, 32, 3), np.uint8)
    image[:, ::4, 0] = 255
    probabilities = averaged_probabilities(_pointwise([[0, 8], [0, 0], [0, 0]]), scales=[0.25])(image).numpy()
    assert probabilities[..., 1].min() > 0.6


def test_larger_scales_keep_the_size_and_uniform_images_their_label(network):
    image = np.full((33, 65, 3), 90, np.uint8)
    labels = _labels(_pointwise([[1, 2, 0]] * 3), image, scales=[0.75, 1.0, 1.25], flip=True)
    assert labels.shape == (33, 65) and (labels == 1).all()


@pytest.mark.parametrize("scales", [[], [0.0], [1.0, -1.0], [float("nan")], [11.0]])
def test_scales_out_of_range_are_refused(network, scales):
    with pytest.raises(InputError, match="`scales=.*give numbers above 0, at most 10"):
        averaged_probabilities(network, scales=scales)


def test_probabilities_are_means(network, image):
    scaled = image.astype(np.float32) / 255
    mean = (_probabilities(network, scaled) + _probabilities(network, scaled[:, ::-1])[:, ::-1]) / 2
    np.testing.assert_allclose(averaged_probabilities(network, flip=True)(image), mean, atol=1e-5)
    sums = averaged_probabilities(network, scales=[0.5, 1.0, 2.0], flip=True)(image).numpy().sum(axis=-1)
    np.testing.assert_allclose(sums, 1, atol=1e-5)
