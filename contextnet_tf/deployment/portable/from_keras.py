"""Converts a Keras network to a portable graph, for inference or for training."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from contextnet_tf.deployment.portable import operations as ops
from contextnet_tf.deployment.portable.graph import Draft, PortableGraph, finished
from contextnet_tf.errors import InputError
from contextnet_tf.models import graph as keras_graph
from contextnet_tf.models.pyramid import AveragePoolingTo, ResizeLike, part_averages
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling


def portable_graph_of(network: keras.Model, *, training: bool = False) -> PortableGraph:
    """The portable graph of a functional network of fixed size.

    For inference, fold batch normalization first; dropout and all outputs except "main" are omitted. With `training`
    everything stays, and batch normalization uses the batch statistics.

    Raises:
      InputError: a layer, or a setting of a layer, is not supported.
    """
    if not training:
        network = keras.Model(network.input, {"main": network.output["main"]}, name=network.name)
    numbers = {id(network.inputs[0]): 0}
    drafts: list[Draft] = []
    for node in keras_graph.calls(network):
        inputs = tuple(numbers[id(tensor)] for tensor in node.input_tensors)
        operation = _operation_of(node, network.name, training)
        if operation is None:
            numbers[id(node.outputs[0])] = inputs[0]
            continue
        # The second input of a resizing layer only provides the size, which is fixed.
        drafts.append(
            Draft(operation, inputs[:1] if isinstance(operation, ops.Resize) else inputs, node.operation.name)
        )
        whole = len(drafts)
        for index, tensor in enumerate(node.outputs):
            if len(node.outputs) > 1:
                drafts.append(Draft(ops.Item(index), (whole,), node.operation.name))
            numbers[id(tensor)] = len(drafts)
    outputs = {name: numbers[id(tensor)] for name, tensor in network.output.items()}
    return PortableGraph(tuple(network.input_shape[1:3]), finished(drafts, outputs), outputs)


def _operation_of(node: Any, network: str, training: bool) -> ops.Operation | None:
    """The operation for a layer call (a Keras node); None if the call does nothing.

    Raises:
      InputError: the layer, or one of its settings, is not supported.
    """
    layer = node.operation
    operations = _OPERATIONS | (_IN_TRAINING if training else {})
    if type(layer) not in operations:
        raise InputError(
            f"network {network!r}: layer {layer.name!r}, of type {type(layer).__name__}, cannot be converted "
            f"for other libraries; supported types: {', '.join(sorted(kind.__name__ for kind in operations))}"
        )
    return operations[type(layer)](layer, node)


def _convolution(layer: layers.Conv2D, node: Any) -> ops.Convolution:
    kernel = np.asarray(layer.kernel).transpose(3, 2, 0, 1)
    return _any_convolution(layer, node, kernel, layer.groups)


def _depthwise(layer: layers.DepthwiseConv2D, node: Any) -> ops.Convolution:
    height, width, channels, multiplier = layer.kernel.shape
    kernel = np.asarray(layer.kernel).reshape(height, width, 1, channels * multiplier).transpose(3, 2, 0, 1)
    return _any_convolution(layer, node, kernel, channels)


def _any_convolution(layer: Any, node: Any, kernel: np.ndarray, groups: int) -> ops.Convolution:
    _require_linear(layer)
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(kernel.shape[2:], layer.dilation_rate, strict=True)]
    return ops.Convolution(
        np.ascontiguousarray(kernel),
        _bias(layer, len(kernel)),
        tuple(layer.strides),
        tuple(layer.dilation_rate),
        _padding(layer, node.input_tensors[0], spans),
        groups,
    )


def _transposed(layer: layers.Conv2DTranspose, node: Any) -> ops.TransposedConvolution:
    _require_linear(layer)
    _require(layer, tuple(layer.dilation_rate) == (1, 1), "a dilation")
    # TensorFlow computes the gradient of a convolution that maps the output size to the input size.
    cropping = _padding(layer, node.outputs[0], layer.kernel_size)
    _require(layer, min(cropping) >= 0, "a kernel smaller than its stride")
    kernel = np.ascontiguousarray(np.asarray(layer.kernel).transpose(3, 2, 0, 1))
    return ops.TransposedConvolution(kernel, _bias(layer, kernel.shape[1]), tuple(layer.strides), cropping)


def _normalize(layer: layers.BatchNormalization, node: Any) -> ops.Normalize:
    norm = _batch_norm(layer, node)
    scale = norm.scale / np.sqrt(norm.variance + np.float32(norm.epsilon))
    return ops.Normalize(scale, norm.offset - norm.mean * scale)


def _batch_norm(layer: layers.BatchNormalization, node: Any) -> ops.BatchNorm:
    _require(layer, layer.axis in (-1, 3), "an axis other than the channels")
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    scale = np.ones_like(mean) if layer.gamma is None else np.asarray(layer.gamma)
    offset = np.zeros_like(mean) if layer.beta is None else np.asarray(layer.beta)
    return ops.BatchNorm(scale, offset, mean, variance, layer.epsilon, layer.momentum)


def _channel_dropout(layer: layers.SpatialDropout2D, node: Any) -> ops.ChannelDropout:
    _require_channels_last(layer)
    return ops.ChannelDropout(layer.rate)


def _pool(kind: str) -> Callable[[Any, Any], ops.Pool]:
    def pool(layer: Any, node: Any) -> ops.Pool:
        _require(layer, kind == "maximum" or layer.padding == "valid", "averages that pad")
        padding = _padding(layer, node.input_tensors[0], layer.pool_size)
        return ops.Pool(kind, tuple(layer.pool_size), tuple(layer.strides), padding)

    return pool


def _adaptive_pool(layer: AveragePoolingTo, node: Any) -> ops.AdaptiveAveragePool:
    return ops.AdaptiveAveragePool(*(part_averages(length, layer.bins) for length in node.input_tensors[0].shape[1:3]))


def _relu(layer: layers.ReLU, node: Any) -> ops.ReLU:
    _require(layer, not layer.negative_slope and not layer.threshold, "a slope or a threshold")
    return ops.ReLU(None if layer.max_value is None else float(layer.max_value))


def _prelu(layer: layers.PReLU, node: Any) -> ops.PReLU:
    _require(layer, layer.alpha.shape[:-1] == (1, 1), "slopes that are not one per channel")
    return ops.PReLU(np.asarray(layer.alpha)[0, 0])


def _resize(layer: Any, node: Any) -> ops.Resize:
    _require(layer, getattr(layer, "interpolation", "bilinear") == "bilinear", "an interpolation that is not bilinear")
    before, size = (tuple(tensor.shape[1:3]) for tensor in (node.input_tensors[0], node.outputs[0]))
    factors = tuple(new // old for old, new in zip(before, size, strict=True))
    whole = all(old * factor == new for old, factor, new in zip(before, factors, size, strict=True))
    return ops.Resize(size, factors if whole else None)


def _zero_pad(layer: layers.ZeroPadding2D, node: Any) -> ops.ZeroPad:
    first, second, third, fourth = (int(length) for axis in layer.padding for length in axis)
    if layer.data_format == "channels_last":
        return ops.ZeroPad((first, second, third, fourth))
    # All features here are channels-last: the layer pads their columns and channels, not rows and columns.
    return ops.ZeroPad((0, 0, first, second), channels=(third, fourth))


def _concatenate(layer: layers.Concatenate, node: Any) -> ops.Concatenate:
    _require(layer, layer.axis in (-1, 3), "an axis other than the channels")
    return ops.Concatenate()


def _bias(layer: Any, channels: int) -> np.ndarray:
    return np.asarray(layer.bias) if layer.use_bias else np.zeros(channels, np.float32)


def _padding(layer: Any, windowed: keras.KerasTensor, spans: Sequence[int]) -> ops.Padding:
    """TensorFlow's padding of the `windowed` tensor: "same" puts the odd row or column at the end."""
    _require_channels_last(layer)
    padding = []
    for length, span, stride in zip(windowed.shape[1:3], spans, layer.strides, strict=True):
        windows = -(-length // stride) if layer.padding == "same" else (length - span) // stride + 1
        missing = (windows - 1) * stride + span - length
        before = max(missing, 0) // 2
        padding += [before, missing - before]
    return tuple(padding)


def _require_channels_last(layer: Any) -> None:
    _require(layer, layer.data_format == "channels_last", "channels before rows")


def _require_linear(layer: Any) -> None:
    _require(layer, layer.activation is keras.activations.linear, "a nonlinearity inside")


def _require(layer: Any, condition: bool, what: str) -> None:
    if not condition:
        raise InputError(f"layer {layer.name!r}: has {what}, which cannot be converted for other libraries")


_OPERATIONS: dict[type, Callable[[Any, Any], ops.Operation | None]] = {
    AveragePoolingTo: _adaptive_pool,
    MaxPoolingWithIndices: lambda layer, node: ops.PoolWithIndices(),
    MaxUnpooling: lambda layer, node: ops.Unpool(),
    ResizeLike: _resize,
    layers.Add: lambda layer, node: ops.Add(),
    layers.AveragePooling2D: _pool("average"),
    layers.BatchNormalization: _normalize,
    layers.Concatenate: _concatenate,
    layers.Conv2D: _convolution,
    layers.Conv2DTranspose: _transposed,
    layers.DepthwiseConv2D: _depthwise,
    layers.Dropout: lambda layer, node: None,
    layers.MaxPooling2D: _pool("maximum"),
    layers.PReLU: _prelu,
    layers.ReLU: _relu,
    layers.SpatialDropout2D: lambda layer, node: None,
    layers.UpSampling2D: _resize,
    layers.ZeroPadding2D: _zero_pad,
}
_IN_TRAINING: dict[type, Callable[[Any, Any], ops.Operation]] = {
    layers.BatchNormalization: _batch_norm,
    layers.Dropout: lambda layer, node: ops.Dropout(layer.rate),
    layers.SpatialDropout2D: _channel_dropout,
}
