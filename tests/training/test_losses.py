"""Cross-entropy and class weights against numbers worked out by hand."""

import math

import numpy as np
import tensorflow as tf

from contextnet_tf.training.losses import balanced_weights, cross_entropy

# Two pixels of two classes. Soft-max of (0, ln 3) is (1/4, 3/4), of (0, 0) it is (1/2, 1/2).
LOGITS = tf.constant([[[[0.0, math.log(3.0)], [0.0, 0.0]]]])


def test_mean_over_the_pixels():
    loss = cross_entropy(LOGITS, tf.constant([[[1, 0]]], tf.uint8))
    np.testing.assert_allclose(loss, (math.log(4 / 3) + math.log(2)) / 2, rtol=1e-6)


def test_ignored_pixels_do_not_count():
    loss = cross_entropy(LOGITS, tf.constant([[[0, 255]]], tf.uint8))
    np.testing.assert_allclose(loss, math.log(4), rtol=1e-6)
    assert cross_entropy(LOGITS, tf.constant([[[255, 255]]], tf.uint8)) == 0.0


def test_class_weights_weigh_the_mean():
    loss = cross_entropy(LOGITS, tf.constant([[[1, 0]]], tf.uint8), tf.constant([3.0, 1.0]))
    np.testing.assert_allclose(loss, (1 * math.log(4 / 3) + 3 * math.log(2)) / 4, rtol=1e-6)


def test_ignored_pixels_have_no_gradient():
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = cross_entropy(logits, tf.constant([[[0, 255]]], tf.uint8))
    gradient = tape.gradient(loss, logits)
    # d/dlogits of cross-entropy is soft-max minus one-hot: (1/4 - 1, 3/4).
    np.testing.assert_allclose(gradient[0, 0], [[-0.75, 0.75], [0, 0]], atol=1e-6)


def test_balanced_weights():
    counts = np.array([90, 10, 0])
    np.testing.assert_allclose(balanced_weights(counts, 0), [1, 1, 0], rtol=1e-6)
    # Exponent 1: weights 1/0.9 and 1/0.1, their mean over the pixels is 2, so half of each.
    np.testing.assert_allclose(balanced_weights(counts, 1), [1 / 1.8, 1 / 0.2, 0], rtol=1e-6)
    # Exponent 1/2: 0.9 ** -0.5 : 0.1 ** -0.5 = 1 : 3.
    weights = balanced_weights(counts, 0.5)
    np.testing.assert_allclose(weights[1] / weights[0], 3, rtol=1e-6)
    np.testing.assert_allclose(0.9 * weights[0] + 0.1 * weights[1], 1, rtol=1e-6)
