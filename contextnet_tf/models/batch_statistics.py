"""Batch-norm recalibration: re-estimates moving statistics for EMA or pruned weights."""

from collections.abc import Iterable

import keras

from contextnet_tf.models import graph


def reestimate_batch_statistics(model: keras.Model, batches: Iterable) -> None:
    """Sets moving means and variances to the means of the batch statistics over `batches`, equally weighted.

    The moving statistics of training do not match EMA or pruned weights. Dropout is on, as in training.

    Args:
      model: a functional network. Only its moving statistics change.
      batches: training images float32 [B, H, W, 3]; if empty, nothing changes.

    Raises:
      InputError: the model is not functional.
    """
    layers = [layer for layer in graph.all_layers(model) if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    try:
        for count, images in enumerate(batches):
            for layer in layers:
                layer.momentum = count / (count + 1)  # 0 for the first batch: discards the old values
            model(images, training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
