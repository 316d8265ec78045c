"""Prepares a network for export: folding, a fixed size, and pooling as convolution."""

import math

import keras
import numpy as np
from keras import layers

from contextnet_tf.arguments import checked_size
from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.inputs import padded_size
from contextnet_tf.models.rewrite import WithWeights, copy_layer, rewrite
from contextnet_tf.models.sizes import size_multiple


def at_size(model: keras.Model, size: tuple[int, int] | None) -> keras.Model:
    """The network for images of the fixed `size` (height, width), or of its own fixed size if None.

    Returns the network itself if it already has this size, otherwise an uncompiled copy.

    Raises:
      InputError: `model` is not a segmentation network, no size is known, or the size is invalid for the network.
    """
    graph.require_segmentation_network(model)
    own = tuple(model.input_shape[1:3])
    if size is not None:
        size = checked_size(size)
    height, width = size or own
    if height is None or width is None:
        raise InputError(f"network {model.name!r} accepts many sizes, a file only one: give height and width")
    multiple = size_multiple(model)
    if height % multiple or width % multiple:
        nearest = padded_size((height, width), multiple)
        raise InputError(
            f"size {height} x {width} (height x width): network {model.name!r} takes multiples of "
            f"{multiple}, for example {nearest[0]} x {nearest[1]}"
        )
    if own == (height, width):
        return model
    return rewrite(model, inputs=keras.Input((height, width, 3), name=model.inputs[0].name))


def folded(model: keras.Model) -> keras.Model:
    """The network in float32 with batch normalization folded; `model` itself if nothing needs to change.

    Raises:
      InputError: `model` is not a segmentation network, or a weight is not finite.
    """
    graph.require_segmentation_network(model)
    graph.require_finite_weights(model)
    if any(layer.compute_dtype != "float32" for layer in graph.all_layers(model)):  # of a user's own dtype policy
        model = rewrite(model, lambda layer: copy_layer(layer, dtype="float32"))
    return fold_batch_norm(model) if graph.batch_norms_after_convolutions(model) else model


def folded_at_size(model: keras.Model, size: tuple[int, int] | None = None) -> keras.Model:
    """The network of `at_size` with batch normalization folded; `model` itself if nothing needs to change.

    Raises:
      InputError: a weight is not finite; see also `at_size`.
    """
    return at_size(folded(model), size)


def pooling_as_convolution(model: keras.Model) -> keras.Model:
    """A copy that replaces average pooling by a depth-wise convolution with the weights 1/n; the function is the same.

    For int8: XNNPACK in LiteRT supports average pooling only in float32, but convolution also in int8. An int8 kernel
    has a scale per channel, so it represents 1/n exactly. cn14 at 1024 x 2048 took 0.90 of its former time. Pooling
    with padding, overlap or gaps is not replaced.
    """

    def convolving(layer: keras.Layer) -> keras.Layer | WithWeights:
        if not _tiles(layer):
            return copy_layer(layer)
        size = tuple(layer.pool_size)
        convolution = layers.DepthwiseConv2D(size, strides=layer.strides, use_bias=False, name=layer.name)
        kernel = np.full((*size, layer.input.shape[-1], 1), 1 / math.prod(size), np.float32)
        return WithWeights(convolution, [kernel])

    return rewrite(model, convolving)


def _tiles(layer: keras.Layer) -> bool:
    """Whether the layer averages windows without padding, overlap or gaps."""
    return (
        type(layer) is layers.AveragePooling2D and layer.padding == "valid" and tuple(layer.pool_size) == layer.strides
    )
