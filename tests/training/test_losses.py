"""Cross-entropy and class weights against numbers worked out by hand, and upsampling against TensorFlow's own."""

import math

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from contextnet_tf.training import losses
from contextnet_tf.training.losses import CrossEntropy, balanced_weights, enet_weights

# Two pixels of two classes. Soft-max of (0, ln 3) is (1/4, 3/4), of (0, 0) it is (1/2, 1/2).
LOGITS = tf.constant([[[[0.0, math.log(3.0)], [0.0, 0.0]]]])


def _value_and_gradient(cross_entropy, logits, labels):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = cross_entropy.total(logits, labels)
    return value.numpy(), tape.gradient(value, logits).numpy()


def test_sum_over_the_pixels():
    labels = tf.constant([[[1, 0]]], tf.uint8)
    np.testing.assert_allclose(CrossEntropy().total(LOGITS, labels), math.log(4 / 3) + math.log(2), rtol=1e-6)
    assert CrossEntropy().total_weight(labels) == 2.0


def test_ignored_pixels_have_neither_loss_nor_weight_nor_gradient():
    labels = tf.constant([[[0, 255]]], tf.uint8)
    value, gradient = _value_and_gradient(CrossEntropy(), LOGITS, labels)
    np.testing.assert_allclose(value, math.log(4), rtol=1e-6)
    assert CrossEntropy().total_weight(labels) == 1.0
    # d/dlogits of cross-entropy is soft-max minus one-hot: (1/4 - 1, 3/4).
    np.testing.assert_allclose(gradient[0, 0], [[-0.75, 0.75], [0, 0]], atol=1e-6)


def test_class_weights_weigh_the_sum():
    labels = tf.constant([[[1, 0]]], tf.uint8)
    weighted = CrossEntropy(np.float32([3, 1]))
    np.testing.assert_allclose(weighted.total(LOGITS, labels), 1 * math.log(4 / 3) + 3 * math.log(2), rtol=1e-6)
    assert weighted.total_weight(labels) == 4.0


def test_smoothing_spreads_a_part_of_the_truth():
    value, gradient = _value_and_gradient(CrossEntropy(smoothing=0.2), LOGITS, tf.constant([[[1, 255]]], tf.uint8))
    # The truth is (0.1, 0.9): 0.1 ln 4 + 0.9 ln 4/3, with the gradient (1/4 - 0.1, 3/4 - 0.9).
    np.testing.assert_allclose(value, 0.1 * math.log(4) + 0.9 * math.log(4 / 3), rtol=1e-6)
    np.testing.assert_allclose(gradient[0, 0], [[0.15, -0.15], [0, 0]], atol=1e-6)


def test_only_hard_pixels_count():
    # Class 1 has 3/4 at the first pixel, class 0 has 1/2 at the second.
    labels = tf.constant([[[1, 0]]], tf.uint8)
    value, gradient = _value_and_gradient(CrossEntropy(ohem_threshold=0.7), LOGITS, labels)
    np.testing.assert_allclose(value, math.log(2), rtol=1e-6)
    np.testing.assert_allclose(gradient[0, 0], [[0, 0], [-0.5, 0.5]], atol=1e-6)
    assert CrossEntropy(ohem_threshold=0.7).total_weight(labels) == 2.0  # known before the network is asked


@hypothesis.given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)), factor=st.sampled_from([1, 2, 3, 8]), seed=st.integers(0, 99)
)
@hypothesis.settings(max_examples=12, deadline=None)
def test_small_logits_are_upsampled_as_tensorflow_does(size, factor, seed):
    random = np.random.default_rng(seed)
    height, width = size[0] * factor, size[1] * factor
    logits = tf.constant(random.normal(size=(2, *size, 3)).astype(np.float32))
    labels = tf.constant(random.choice(np.uint8([0, 1, 2, 255]), size=(2, height, width)))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        large = tf.image.resize(logits, (height, width))
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(labels, tf.int32) % 255, large)
        expected = tf.reduce_sum(tf.where(labels != 255, each, 0.0))
    value, gradient = _value_and_gradient(CrossEntropy(), logits, labels)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradient, tape.gradient(expected, logits), rtol=1e-4, atol=1e-5)


def test_one_logit_for_the_whole_image_in_a_graph():
    total = tf.function(CrossEntropy().total)
    value = total(tf.constant([[[[0.0, math.log(3.0)]]]]), tf.ones((1, 2, 2), tf.uint8))
    np.testing.assert_allclose(value, 4 * math.log(4 / 3), rtol=1e-6)


@pytest.mark.parametrize("band_bytes", [1, 2 * 4 * 2 * 3 * 16])  # one row and two rows at once
def test_bands_make_no_difference(monkeypatch, band_bytes):
    random = np.random.default_rng(0)
    logits = tf.constant(random.normal(size=(2, 3, 4, 3)).astype(np.float32))
    labels = tf.constant(random.integers(0, 3, (2, 12, 16)).astype(np.uint8))
    at_once = _value_and_gradient(CrossEntropy(), logits, labels)
    monkeypatch.setattr(losses, "_BAND_BYTES", band_bytes)
    in_bands = _value_and_gradient(CrossEntropy(), logits, labels)
    for one, other in zip(at_once, in_bands, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_balanced_weights():
    counts = np.array([90, 10, 0])
    np.testing.assert_allclose(balanced_weights(counts, 0), [1, 1, 0], rtol=1e-6)
    # Exponent 1: weights 1/0.9 and 1/0.1, their mean over the pixels is 2, so half of each.
    np.testing.assert_allclose(balanced_weights(counts, 1), [1 / 1.8, 1 / 0.2, 0], rtol=1e-6)
    # Exponent 1/2: 0.9 ** -0.5 : 0.1 ** -0.5 = 1 : 3.
    weights = balanced_weights(counts, 0.5)
    np.testing.assert_allclose(weights[1] / weights[0], 3, rtol=1e-6)
    np.testing.assert_allclose(0.9 * weights[0] + 0.1 * weights[1], 1, rtol=1e-6)


def test_enet_weights():
    # Frequencies 0.9, 0.1 and 0: 1 / ln(2) = 1.442695, 1 / ln(1.2) = 5.484815; their mean by pixel is 1.846907.
    weights = enet_weights(np.array([90, 10, 0]))
    np.testing.assert_allclose(weights, [0.781141, 2.969729, 0.0], rtol=1e-5)
