"""Moving statistics of batch normalization, estimated again for weights that training did not pass through."""

from collections.abc import Iterable

import keras

from contextnet_tf.models import graph


def reestimate_batch_statistics(model: keras.Model, batches: Iterable) -> None:
    """Sets moving means and variances to the means of the batch statistics; each batch counts the same.

    EMA or pruned weights never saw the features that the moving statistics came from. Dropout is on, as it
    was when the weights were trained.

    Args:
      model: a functional network. Only its statistics change.
      batches: images float32 [B, H, W, 3] as in training; if there are none, nothing changes.

    Raises:
      InputError: the model is not functional.
    """
    layers = [layer for layer in graph.all_layers(model) if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    try:
        for count, images in enumerate(batches):
            for layer in layers:
                layer.momentum = count / (count + 1)  # 0 for the first: forgets the old values
            model(images, training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
