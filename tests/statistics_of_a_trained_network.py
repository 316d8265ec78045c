"""Weights as after training, so that no two are alike and none is at its start."""

import keras
import numpy as np


def with_statistics(model: keras.Model) -> keras.Model:
    """Gives every batch normalization statistics and weights that are not those of an untrained network."""
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            low_high = (0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (0.5, 1.5)  # gamma, beta, mean, variance
            layer.set_weights([random.uniform(*bounds, shape).astype(np.float32) for bounds in low_high])
    return model
