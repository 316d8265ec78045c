"""The random changes of color, on colors whose new values were computed by hand."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.datasets import augment


def _recolored(color, **changes):
    neutral = {"brightness": 0.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    matrix, offset = augment.color_transform(**neutral | changes)
    return augment.recolor(tf.constant([[color]], tf.float32), matrix, offset).numpy()[0, 0]


def test_colors_unchanged_by_the_neutral_transform():
    np.testing.assert_allclose(_recolored([0.1, 0.5, 0.8]), [0.1, 0.5, 0.8], atol=1e-6)


def test_saturation_0_is_the_luma():
    np.testing.assert_allclose(_recolored([1.0, 0.0, 0.0], saturation=0.0), [0.299] * 3, atol=1e-6)


def test_hue_of_a_third_turn_makes_red_green():
    np.testing.assert_allclose(_recolored([0.9, 0.2, 0.2], hue=1 / 3), [0.2, 0.9, 0.2], atol=1e-6)


def test_contrast_turns_about_mid_gray_and_brightness_adds():
    np.testing.assert_allclose(_recolored([0.5, 0.7, 0.3], contrast=0.5), [0.5, 0.6, 0.4], atol=1e-6)
    np.testing.assert_allclose(_recolored([0.5, 0.7, 0.95], brightness=0.1), [0.6, 0.8, 1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "neutral", "drawn"),
    [
        ("brightness", 0.0, lambda matrix, offset: offset),
        ("contrast", 1.0, lambda matrix, offset: matrix[0, 0]),
        ("saturation", 1.0, lambda matrix, offset: matrix[0, 0] - matrix[1, 0]),  # the luma's part is the same in both
        # A turn about the gray axis: the trace is 1 + 2 cos, the part that a transposition turns around sin / sqrt(3).
        ("hue", 0.0, lambda m, offset: math.atan2((m[1, 0] - m[0, 1]) * 3**0.5, m.trace() - 1) / (2 * math.pi)),
    ],
)
def test_each_range_of_color_is_drawn_from_end_to_end(name, neutral, drawn):
    ranges = dataclasses.replace(augment.Augmentation().with_color_jitter(0), **{name: 0.25})
    values = []
    for number in range(100):
        matrix, offset = (x.numpy() for x in augment.random_color(tf.constant([1, number]), ranges))
        values.append(float(drawn(matrix, offset)))
        # Nothing else is changed.
        settings = {"brightness": 0.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0} | {name: values[-1]}
        expected_matrix, expected_offset = augment.color_transform(**settings)
        np.testing.assert_allclose(matrix, expected_matrix, atol=1e-5)
        np.testing.assert_allclose(offset, expected_offset, atol=1e-5)
    assert neutral - 0.25 - 1e-5 <= min(values) < neutral - 0.20
    assert neutral + 0.20 < max(values) <= neutral + 0.25 + 1e-5


def test_white_balance_multiplies_red_and_blue():
    np.testing.assert_allclose(_recolored([0.5, 0.4, 0.8], red=1.2, blue=0.75), [0.6, 0.4, 0.6], atol=1e-6)
    # Before the contrast: 0.5 * (1.2 * 0.5 - 0.5) + 0.5
    np.testing.assert_allclose(_recolored([0.5, 0.5, 0.5], red=1.2, contrast=0.5), [0.55, 0.5, 0.5], atol=1e-6)


def test_white_balance_draws_red_and_blue_independently_from_end_to_end():
    ranges = dataclasses.replace(augment.Augmentation().with_color_jitter(0), white_balance=0.3)
    factors = []
    for number in range(200):
        matrix, offset = (x.numpy() for x in augment.random_color(tf.constant([1, number]), ranges))
        np.testing.assert_allclose(matrix, np.diag(matrix.diagonal()), atol=1e-6)
        assert matrix[1, 1] == pytest.approx(1, abs=1e-6) and offset == 0
        factors.append(np.log([matrix[0, 0], matrix[2, 2]]))
    factors = np.array(factors)
    for drawn in factors.T:
        assert -0.3 - 1e-5 <= drawn.min() < -0.26
        assert 0.26 < drawn.max() <= 0.3 + 1e-5
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.2


def test_white_balance_alone_changes_the_colors_of_an_example():
    ranges = dataclasses.replace(
        augment.Augmentation(scale=(1.0, 1.0), flip=False).with_color_jitter(0), white_balance=0.3
    )
    gray = np.full((4, 4, 3), 102, np.uint8)
    (red, green, blue), _ = (
        value.numpy()[0, 0]
        for value in augment.augment(gray, np.zeros((4, 4), np.uint8), tf.constant([1, 2]), (4, 4), ranges)
    )
    assert green == pytest.approx(0.4) and abs(red - 0.4) > 0.01 and abs(blue - 0.4) > 0.01


def test_white_balance_leaves_the_other_draws_as_they_were():
    plain = augment.Augmentation()
    seed = tf.constant([3, 4])
    change = tf.random.stateless_uniform([4], seed, -1.0, 1.0).numpy()
    matrix, offset = (x.numpy() for x in augment.random_color(seed, plain))
    expected = augment.color_transform(0.1 * change[0], 1 + 0.25 * change[1], 1 + 0.25 * change[2], 0.03 * change[3])
    np.testing.assert_allclose(matrix, expected[0], atol=1e-6)
    np.testing.assert_allclose(offset, expected[1], atol=1e-6)


def test_reduced_colors():
    changed = augment.Augmentation(brightness=0.1, contrast=0.3, saturation=0.2, hue=0.04).with_color_jitter(0.5)
    assert (changed.brightness, changed.contrast, changed.saturation, changed.hue) == (0.05, 0.15, 0.1, 0.02)
    assert changed.scale == (0.5, 2.0) and changed.flip
