"""The network in the forms in which it is exported: folded, of one fixed size, with pooling as convolution."""

import math

import keras
import numpy as np
from keras import layers

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.rewrite import WithWeights, copy_layer, rewrite
from contextnet_tf.models.sizes import padded_size, size_multiple


def at_size(model: keras.Model, size: tuple[int, int] | None) -> keras.Model:
    """The network for images of the fixed `size` (height, width), or of its own fixed size if None.

    The network itself if it has that size already, otherwise a copy, not compiled.

    Raises:
      InputError: no size is known, or the network cannot take it.
    """
    own = tuple(model.input_shape[1:3])
    height, width = size or own
    if height is None or width is None:
        raise InputError(f"network {model.name!r} takes many sizes, a file only one: give height and width")
    multiple = size_multiple(model)
    if height < 1 or width < 1 or height % multiple or width % multiple:
        nearest = padded_size((max(height, 1), max(width, 1)), multiple)
        raise InputError(
            f"size {height} x {width} (height x width): network {model.name!r} takes multiples of "
            f"{multiple}, for example {nearest[0]} x {nearest[1]}"
        )
    if own == (height, width):
        return model
    return rewrite(model, inputs=keras.Input((height, width, 3), name=model.inputs[0].name))


def folded_at_size(model: keras.Model, size: tuple[int, int] | None = None) -> keras.Model:
    """The network of `at_size` with its batch normalization folded; see there. `model` itself if it is both already."""
    return at_size(fold_batch_norm(model) if graph.batch_norms_after_convolutions(model) else model, size)


def pooling_as_convolution(model: keras.Model) -> keras.Model:
    """A copy whose average pooling is a depth-wise convolution with the weights 1/n: the same function.

    For int8: LiteRT's XNNPACK averages float32 only, but convolves both, and 1/n is exact in an int8 kernel, which has
    a scale for each channel. cn14 at 1024 x 2048 took 0.90 of the time. Pooling stays if it pads, or if its windows
    overlap or leave gaps.
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
