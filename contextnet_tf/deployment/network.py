"""The network in the forms in which it is exported: of one fixed size, and up to its small logits."""

import math

import keras
import numpy as np
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models.sizes import padded_size, size_multiple


def at_size(model: keras.Model, size: tuple[int, int] | None) -> keras.Model:
    """The network for images of the fixed `size` (height, width), or of its own fixed size if None.

    The network itself where that is its size already, otherwise a copy, not compiled.

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
    image = keras.Input((height, width, 3), name=model.inputs[0].name)
    clone = keras.models.clone_model(_bare(model), input_tensors=image)
    clone.set_weights(model.get_weights())
    return clone


def logits_network(model: keras.Model) -> keras.Model:
    """The part before the last upsampling: float32 [B, H, W, 3] in 0 to 1 -> logits [B, H/8, W/8, C].

    `upsample_argmax` makes the labels of these logits. It shares its layers with `model`. Of a network
    without a layer `classifier`, the logits are those of its output "main".
    """
    names = [layer.name for layer in model.layers]
    logits = model.get_layer("classifier").output if "classifier" in names else model.output["main"]
    return keras.Model(model.input, logits, name=model.name)


def pooling_as_convolution(model: keras.Model) -> keras.Model:
    """A copy whose average pooling is a depth-wise convolution with the weights 1/n: the same function.

    For int8: LiteRT's XNNPACK averages float32 only, but convolves both, and 1/n is exact in an int8 kernel, whose
    scale is a channel's own. cn14 at 1024 x 2048 took 0.90 of the time. Pooling that pads, or whose windows are no
    tiles, stays.
    """

    def clone(layer: keras.Layer) -> keras.Layer:
        if not _tiles(layer):
            return type(layer).from_config(layer.get_config())
        return layers.DepthwiseConv2D(layer.pool_size, strides=layer.strides, use_bias=False, name=layer.name)

    copy = keras.models.clone_model(_bare(model), clone_function=clone)
    for layer in model.layers:
        if _tiles(layer):
            kernel = copy.get_layer(layer.name).kernel
            kernel.assign(np.full(kernel.shape, 1 / math.prod(layer.pool_size), np.float32))
        elif layer.weights:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def _bare(model: keras.Model) -> keras.Model:
    """The same layers without what the model was compiled for: cloning would compile the clone anew."""
    return keras.Model(model.input, model.output, name=model.name)


def _tiles(layer: keras.Layer) -> bool:
    """Whether the layer averages the parts that the image is cut into; at the frame they are whole."""
    return (
        type(layer) is layers.AveragePooling2D and layer.padding == "valid" and tuple(layer.pool_size) == layer.strides
    )
