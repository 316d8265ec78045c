import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.models.pyramid import AveragePoolingTo, pyramid_sum


def pyramid(bins, channels=2):
    features = keras.Input((None, None, channels))
    return keras.Model(features, pyramid_sum(features, bins, "pyramid"))


def features(height, width, channels=2):
    return np.random.default_rng(0).uniform(0.0, 1.0, (2, height, width, channels)).astype("float32")


def test_parts_that_overlap_by_hand():
    row = np.array([1.0, 2.0, 4.0, 8.0, 16.0], "float32").reshape(1, 1, 5, 1)

    found = AveragePoolingTo(2)(np.concatenate([row, 3 * row], axis=1))

    # Halves of five are the first three and the last three; the rows are their own parts.
    first, last = (1 + 2 + 4) / 3, (4 + 8 + 16) / 3
    np.testing.assert_allclose(found[0, ..., 0], [[first, last], [3 * first, 3 * last]], rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 2, 3, 6]))
def test_parts_are_those_of_adaptive_pooling(height, width, bins):
    x = features(height, width)
    expected = np.empty((2, bins, bins, 2))
    for i in range(bins):
        for j in range(bins):
            rows = slice(int(np.floor(i * height / bins)), int(np.ceil((i + 1) * height / bins)))
            columns = slice(int(np.floor(j * width / bins)), int(np.ceil((j + 1) * width / bins)))
            expected[:, i, j] = x[:, rows, columns].mean(axis=(1, 2))

    np.testing.assert_allclose(AveragePoolingTo(bins)(x), expected, rtol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (4, 6), (5, 13)])
def test_sum_is_each_level_resized_and_added(size):
    x = features(*size)
    expected = x + sum(tf.image.resize(AveragePoolingTo(n)(x), size) for n in (1, 3))

    np.testing.assert_allclose(pyramid((1, 3))(x), expected, rtol=1e-5)


def test_one_part_adds_the_mean_everywhere():
    x = features(3, 4)
    np.testing.assert_allclose(pyramid((1,))(x), x + x.mean(axis=(1, 2), keepdims=True), rtol=1e-5)


def test_no_parameters_and_saved_in_safe_mode(tmp_path):
    model = pyramid((1, 2, 3, 6))
    model.save(tmp_path / "pyramid.keras")
    loaded = keras.models.load_model(tmp_path / "pyramid.keras", safe_mode=True)

    assert model.count_params() == 0
    np.testing.assert_array_equal(loaded(features(7, 9)), model(features(7, 9)))


def test_traced_with_a_size_of_its_own():
    model = pyramid((1, 2, 3, 6))
    traced = tf.function(model, input_signature=[tf.TensorSpec([None, 5, 1, 2])])

    np.testing.assert_allclose(traced(features(5, 1)), model(features(5, 1)), rtol=1e-6)
