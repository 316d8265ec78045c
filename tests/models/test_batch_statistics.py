"""Re-estimated statistics by hand."""

import keras
import numpy as np

from contextnet_tf.models.batch_statistics import reestimate_batch_statistics


def test_statistics_are_the_means_of_the_batches():
    image = keras.Input((None, None, 1))
    layer = keras.layers.BatchNormalization(momentum=0.75)
    model = keras.Model(image, layer(image))
    layer.moving_mean.assign([100.0])
    # Means 2 and 7, variances 1 and 9.
    batches = [np.float32([1, 3]).reshape(2, 1, 1, 1), np.float32([4, 10]).reshape(1, 1, 2, 1)]
    reestimate_batch_statistics(model, batches)
    np.testing.assert_allclose(layer.moving_mean, [4.5], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [5.0], rtol=1e-6)
    assert layer.momentum == 0.75


def test_without_batches_they_stay():
    image = keras.Input((None, None, 1))
    layer = keras.layers.BatchNormalization()
    reestimate_batch_statistics(keras.Model(image, layer(image)), [])
    np.testing.assert_array_equal(layer.moving_mean, [0.0])
