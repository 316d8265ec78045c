"""Each augmentation on pictures where the right answer can be written down."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.datasets import augment


def _eager(function, *arguments):
    return [value.numpy() for value in function(*arguments)]


def _mapped(function, *arguments):
    """The same inside `Dataset.map`, on one element."""
    tensors = tuple(tf.convert_to_tensor(argument) for argument in arguments)
    data = tf.data.Dataset.from_tensors(tensors).map(function)
    return [value.numpy() for value in next(iter(data))]


@pytest.fixture(params=[_eager, _mapped], ids=["eager", "mapped"])
def call(request):
    """Calls a function of tensors eagerly or inside `Dataset.map`."""
    return request.param


def _crop(size):
    def function(image, label, scale, origin):
        return augment.scaled_crop(image, label, scale, origin, size)

    return function


IMAGE = np.array([[0, 51, 102, 153], [0, 51, 102, 153], [204, 204, 204, 204], [255, 255, 255, 255]], np.uint8)
PICTURE = np.stack([IMAGE] * 3, axis=-1)
LABEL = np.array([[0, 1, 2, 3], [0, 1, 2, 3], [4, 4, 4, 4], [5, 5, 5, 5]], np.uint8)


def test_crop_at_scale_1_is_a_slice(call):
    image, label = call(_crop((2, 3)), PICTURE, LABEL, 1.0, np.array([1.0, 1.0], np.float32))
    np.testing.assert_allclose(image[..., 0], [[0.2, 0.4, 0.6], [0.8, 0.8, 0.8]], atol=1e-6)
    np.testing.assert_array_equal(label, [[1, 2, 3], [4, 4, 4]])


def test_crop_beyond_the_border_is_black_and_ignored(call):
    image, label = call(_crop((2, 3)), PICTURE, LABEL, 1.0, np.array([-1.0, 2.0], np.float32))
    np.testing.assert_allclose(image[..., 0], [[0, 0, 0], [0.4, 0.6, 0]], atol=1e-6)
    np.testing.assert_array_equal(label, [[255, 255, 255], [2, 3, 255]])


def test_scale_2_interpolates_at_half_pixel_centres(call):
    # Output centres lie at 0.25, 0.75, 1.25, ... of the input; the input's at 0.5, 1.5, ...
    # Columns hold 0, 0.2, 0.4, 0.6: between 0.5 and 1.5 the value at 0.75 is 0.25 * 0.2, at 1.25 0.75 * 0.2.
    image, label = call(_crop((2, 8)), PICTURE, LABEL, 2.0, np.array([0.0, 0.0], np.float32))
    np.testing.assert_allclose(image[0, :, 0], [0.0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.6], atol=1e-6)
    np.testing.assert_array_equal(label[0], [0, 0, 1, 1, 2, 2, 3, 3])


def test_scale_half_averages_what_the_label_shows(call):
    # A triangle of radius 2 about the centre 2 of 4 columns: weights 0.25, 0.75, 0.75, 0.25 over their sum 2.
    columns = np.tile(np.array([0, 0, 255, 255], np.uint8), (4, 1))
    image, label = call(
        _crop((1, 2)), np.stack([columns] * 3, -1), LABEL, 0.5, np.array([1.0, 0.0], np.float32)
    )
    # Left centre 1.0: columns 0.5 and 1.5 weigh 0.75 each, 2.5 weighs 0.25: 0.25 / 1.75.
    np.testing.assert_allclose(image[0, :, 0], [1 / 7, 6 / 7], atol=1e-6)
    assert label.shape == (1, 2)


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.5, 2.0), y=st.floats(0, 20), x=st.floats(0, 20))
def test_picture_and_label_stay_aligned_to_a_tenth_of_a_pixel(scale, y, x):
    # A vertical and a horizontal edge between two pixels: where the picture is half bright, the label changes.
    label = np.zeros((96, 96), np.uint8)
    label[:, 48:] = 1
    label[48:, :] += 2
    vertical = (label % 2 * 255).astype(np.uint8)
    horizontal = (label // 2 * 255).astype(np.uint8)
    image, cropped = _eager(
        _crop((32, 32)), np.stack([vertical, horizontal, vertical], -1), label, scale,
        np.array([48 - 16 / scale + y / 10, 48 - 16 / scale + x / 10], np.float32),
    )
    for channel, position, value in ((0, 1, cropped % 2), (1, 0, cropped // 2)):
        # The place of an edge, in pixels from the crop's start, by the area that is dark: exact for the picture,
        # within half a pixel for the label, whose pixels are all or nothing.
        expected = (16 / scale - (y, x)[position] / 10) * scale
        dark = 32 - np.take(image[..., channel], 5, axis=1 - position).sum()
        zeros = 32 - np.take(value, 5, axis=1 - position).sum()
        assert abs(dark - expected) < 0.1
        assert abs(zeros - expected) <= 0.501


def test_flip_mirrors_both_or_neither(call):
    image = tf.constant(np.arange(12, dtype=np.float32).reshape(1, 4, 3))
    label = tf.constant([[0, 1, 2, 3]], tf.uint8)
    kept_image, kept_label = call(augment.flip_if, False, image, label)
    np.testing.assert_array_equal(kept_image, image)
    np.testing.assert_array_equal(kept_label, label)
    flipped_image, flipped_label = call(augment.flip_if, True, image, label)
    np.testing.assert_array_equal(flipped_image[0], [[9, 10, 11], [6, 7, 8], [3, 4, 5], [0, 1, 2]])
    np.testing.assert_array_equal(flipped_label, [[3, 2, 1, 0]])


def _recoloured(colour, **changes):
    neutral = {"brightness": 0.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    matrix, offset = augment.colour_transform(**neutral | changes)
    return augment.recolour(tf.constant([[colour]], tf.float32), matrix, offset).numpy()[0, 0]


def test_colours_unchanged_by_the_neutral_transform():
    np.testing.assert_allclose(_recoloured([0.1, 0.5, 0.8]), [0.1, 0.5, 0.8], atol=1e-6)


def test_saturation_0_is_the_luma():
    np.testing.assert_allclose(_recoloured([1.0, 0.0, 0.0], saturation=0.0), [0.299] * 3, atol=1e-6)


def test_hue_of_a_third_turn_makes_red_green():
    np.testing.assert_allclose(_recoloured([0.9, 0.2, 0.2], hue=1 / 3), [0.2, 0.9, 0.2], atol=1e-6)


def test_contrast_turns_about_mid_grey_and_brightness_adds():
    np.testing.assert_allclose(_recoloured([0.5, 0.7, 0.3], contrast=0.5), [0.5, 0.6, 0.4], atol=1e-6)
    np.testing.assert_allclose(_recoloured([0.5, 0.7, 0.95], brightness=0.1), [0.6, 0.8, 1.0], atol=1e-6)


def test_the_same_seed_gives_the_same_and_another_seed_another(call):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 60, 3), np.uint8)
    label = rng.integers(0, 5, (40, 60), np.uint8)

    def function(seed):
        return augment.augment(
            tf.constant(image), tf.constant(label), seed, (32, 48), augment.Augmentation()
        )

    first = call(function, np.array([1, 2], np.int32))
    again = _eager(function, np.array([1, 2], np.int32))
    other = call(function, np.array([1, 3], np.int32))
    assert first[0].shape == (32, 48, 3) and first[1].shape == (32, 48)
    # Compiled and eager arithmetic may differ in the last bit of a float; labels may not differ at all.
    np.testing.assert_allclose(first[0], again[0], atol=1e-5)
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0] - other[0]).max() > 0.05


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_window_lies_inside_a_larger_picture_and_around_a_smaller_one(seed):
    seed = tf.constant([seed, 7])
    scale, origin = _eager(augment.random_window, tf.constant([200, 300]), seed, (64, 64), (0.5, 2.0))
    assert 0.5 <= scale <= 2.0
    assert (origin >= 0).all() and (origin + 64 / scale <= [200.01, 300.01]).all()
    scale, origin = _eager(augment.random_window, tf.constant([20, 30]), seed, (64, 64), (0.5, 2.0))
    assert (origin <= 0).all() and (origin + 64 / scale >= [19.99, 29.99]).all()
