"""Batch normalization merged into the convolution before it, for inference (section 3.1)."""

import keras
import numpy as np
from keras import layers

from contextnet_tf.models import graph

_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)

_Merged = dict[keras.Layer, tuple[layers.BatchNormalization, ...]]


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """A copy of the network whose convolutions do what they and the batch normalization after them did.

    Section 3.1: "During inference, parameters of batch normalization are merged with the weights and bias
    of parent layers." Same inputs, outputs and layer names but for the normalizations; a convolution
    that took one in has a bias. The copy is not compiled and shares no weight with `model`, which
    stays as it is. Batch normalization that does not directly follow a convolution without a
    nonlinearity, or that something else depends on, stays too.

    Raises:
      InputError: the model is not functional.
    """
    return _fold(model, graph.batch_norms_after_convolutions(model))


def _fold(model: keras.Model, merged: _Merged) -> keras.Model:
    dropped = {batch_norm for followers in merged.values() for batch_norm in followers}

    def clone(layer: keras.Layer) -> keras.Layer:
        if layer in dropped:
            return layer  # never called, see below
        if graph.is_model(layer):
            return _fold(layer, merged)
        config = layer.get_config()
        if layer in merged:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: keras.Layer, *args, **kwargs) -> keras.KerasTensor:
        return args[0] if layer in dropped else layer(*args, **kwargs)

    # Cloning compiles the clone of a compiled model anew; a bare one around the same layers is not compiled.
    model = graph.as_functional(model)
    bare = keras.Model(model.input, model.output, name=model.name)
    # It also names the inputs after their tensors and not their layers, unless it gets them.
    inputs = {id(each.output): each for each in bare.layers if isinstance(each, layers.InputLayer)}
    inputs = keras.tree.map_structure(lambda tensor: clone(inputs[id(tensor)]).output, bare.input)
    folded = keras.models.clone_model(bare, inputs, clone_function=clone, call_function=call)
    for layer in bare.layers:
        if layer in merged:
            _set_merged_weights(folded.get_layer(layer.name), layer, merged[layer])
        elif layer not in dropped and not graph.is_model(layer):
            folded.get_layer(layer.name).set_weights(layer.get_weights())
    return folded


def _set_merged_weights(
    target: keras.Layer, convolution: keras.Layer, batch_norms: tuple[layers.BatchNormalization, ...]
) -> None:
    """Gives `target` the kernel and bias of `convolution` and all of `batch_norms`, first to last."""
    scale, shift = 1.0, _float64(convolution.bias) if convolution.use_bias else 0.0
    for batch_norm in batch_norms:
        factor, offset = _scale_and_shift(batch_norm)
        scale, shift = scale * factor, shift * factor + offset
    kernel = "kernel"
    if isinstance(convolution, _SEPARABLE):
        target.depthwise_kernel.assign(convolution.depthwise_kernel)
        kernel = "pointwise_kernel"
    values = _float64(getattr(convolution, kernel))
    getattr(target, kernel).assign(values * _along_output_channels(scale, convolution, values))
    target.bias.assign(shift)


def _along_output_channels(scale: np.ndarray, convolution: keras.Layer, kernel: np.ndarray) -> np.ndarray:
    """One factor for each output channel, in the shape that multiplies the kernel."""
    if isinstance(convolution, _TRANSPOSED):
        return scale[:, np.newaxis]  # kernel [..., out, in]
    if isinstance(convolution, _DEPTHWISE):
        return scale.reshape(kernel.shape[-2:])  # kernel [..., in, multiplier], out = in x multiplier
    return scale  # kernel [..., in, out]


def _scale_and_shift(batch_norm: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """What batch normalization does at inference, as y = scale x + shift; float64 [C] each."""
    scale = 1.0 / np.sqrt(_float64(batch_norm.moving_variance) + batch_norm.epsilon)
    if batch_norm.scale:
        scale = scale * _float64(batch_norm.gamma)
    shift = -_float64(batch_norm.moving_mean) * scale
    if batch_norm.center:
        shift = shift + _float64(batch_norm.beta)
    return scale, shift


def _float64(variable: keras.Variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)
