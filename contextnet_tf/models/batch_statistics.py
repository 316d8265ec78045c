"""The moving statistics of batch normalization, measured anew for weights that training did not pass through."""

from collections.abc import Iterable

import keras


def reestimate_batch_statistics(model: keras.Model, batches: Iterable) -> None:
    """Sets moving means and variances to the means of the batches' own, each batch counting the same.

    Averaged or pruned weights never saw the features that the moving statistics came from. Dropout is on, as it
    was when the weights were trained.

    Args:
      model: its weights stay, but for the statistics.
      batches: images float32 [B, H, W, 3] as in training; without any, nothing changes.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    try:
        for count, images in enumerate(batches):
            for layer in layers:
                layer.momentum = count / (count + 1)  # 0 for the first: what stood there is forgotten
            model(images, training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
