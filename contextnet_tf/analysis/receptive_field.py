"""The receptive field: the part of the image that one output value of a network can depend on."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.pyramid import AveragePoolingTo, ResizeLike
from contextnet_tf.models.sizes import size_multiple
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling

_Span = tuple[float, float]  # first and last row (or column)

_EVERYTHING = (-math.inf, math.inf)
_WINDOWED = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.AveragePooling2D,
    layers.MaxPooling2D,
)
_POINTWISE = (
    layers.Activation,
    layers.Add,
    layers.Average,
    layers.BatchNormalization,
    layers.Concatenate,
    layers.Dropout,
    layers.Multiply,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
    layers.SpatialDropout2D,
)


def receptive_field(model: keras.Model) -> tuple[float, float]:
    """The largest (height, width) in pixels that one value of the output "main" can depend on; inf: the whole image.

    Exact for an image without borders: traces the value back through every layer, including inner models, for each
    position within the network's grid.

    Raises:
      InputError: the model is not functional, or the receptive field of a layer is unknown.
    """
    multiple = size_multiple(model)
    length = 64 * multiple  # any multiple large enough for kernels without padding
    shapes = [(1, length, length, x.shape[-1]) for x in model.inputs]
    index = list(model.output).index("main")
    largest = []
    for axis in (0, 1):
        spans = []
        for place in range(multiple):
            wanted: list[_Span | None] = [None] * len(model.outputs)
            wanted[index] = (place, place)
            span = _spans_of_inputs(model, wanted, axis, shapes)[0]
            spans.append(span[1] - span[0] + 1 if span else 0)
        largest.append(max(spans))
    return largest[0], largest[1]


def _spans_of_inputs(
    model: keras.Model, wanted: Sequence[_Span | None], axis: int, input_shapes: Sequence[tuple]
) -> list[_Span | None]:
    """The span of rows (axis 0) or columns (1) of each input that the `wanted` output spans depend on; None: none."""
    shapes = graph.tensor_shapes(model, input_shapes)
    needed: dict[int, _Span] = {}

    def need(tensor: keras.KerasTensor, span: _Span) -> None:
        needed[id(tensor)] = _hull([span, needed.get(id(tensor), span)])

    for tensor, span in zip(model.outputs, wanted, strict=True):
        if span is not None:
            need(tensor, span)
    for node in reversed(graph.calls(model)):
        spans = [needed.get(id(tensor)) for tensor in node.outputs]
        known = [span for span in spans if span is not None]
        if not known:
            continue
        inputs = [shapes[id(tensor)] for tensor in node.input_tensors]
        found: Sequence[_Span | None]
        if graph.is_model(node.operation):
            found = _spans_of_inputs(graph.as_functional(node.operation), spans, axis, inputs)
        else:
            lengths: list[Any] = [shape[1 + axis] for shape in inputs]  # all known, since the input lengths are
            length: Any = shapes[id(node.outputs[0])][1 + axis]
            found = _needed(node.operation, _hull(known), axis, lengths, length)
        for tensor, span in zip(node.input_tensors, found, strict=False):  # a size-only tensor has no span
            if span is not None:
                need(tensor, span)
    return [needed.get(id(tensor)) for tensor in model.inputs]


def _needed(layer: Any, span: _Span, axis: int, inputs: list[int], length: int) -> list[_Span]:
    """The span of each input that a layer reads for `span` of its output.

    `inputs` are the lengths of the inputs along the axis, `length` is the length of the output.

    Raises:
      InputError: the layer type is not supported.
    """
    if span == _EVERYTHING:
        return [_EVERYTHING] * len(inputs)
    first, last = span
    match layer:
        case layers.Conv2DTranspose():
            kernel, stride = layer.kernel_size[axis], layer.strides[axis]
            before = max(kernel - stride, 0) // 2 if layer.padding == "same" else 0
            return [((first + before - kernel + stride) // stride, (last + before) // stride)]
        case MaxPoolingWithIndices():
            return [(2 * first, 2 * last + 1)]
        case MaxUnpooling():
            return [(first // 2, last // 2)] * 2
        case layers.ZeroPadding2D():
            # With channels-first, the first padding belongs to the columns, and rows have none.
            index = axis - (layer.data_format == "channels_first")
            before = layer.padding[index][0] if index >= 0 else 0
            return [(first - before, last - before)]
        case layers.UpSampling2D():
            return [_interpolated(span, inputs[0] / length, layer.interpolation)]
        case ResizeLike():
            return [_interpolated(span, inputs[0] / length, "bilinear")]
        case AveragePoolingTo():
            return [_EVERYTHING]
        case _ if isinstance(layer, _WINDOWED):
            kernel = layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size
            stride = layer.strides[axis]
            reach = (kernel[axis] - 1) * getattr(layer, "dilation_rate", (1, 1))[axis]
            padding = max((length - 1) * stride + reach + 1 - inputs[0], 0) if layer.padding == "same" else 0
            start = first * stride - padding // 2
            return [(start, start + (last - first) * stride + reach)]
        case _ if isinstance(layer, _POINTWISE):
            return [span] * len(inputs)
    raise InputError(f"layer {layer.name!r}: the receptive field of a {type(layer).__name__} is unknown")


def _interpolated(span: _Span, scale: float, interpolation: str) -> _Span:
    """The span that interpolation with half-pixel centers reads for `span`; `scale`: input length / output length."""
    first, last = ((place + 0.5) * scale - 0.5 for place in span)
    if interpolation == "nearest":
        return math.floor(first + 0.5), math.floor(last + 0.5)
    return math.floor(first), math.ceil(last)


def _hull(spans: list[_Span]) -> _Span:
    return min(first for first, _ in spans), max(last for _, last in spans)
