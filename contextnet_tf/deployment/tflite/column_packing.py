"""Column packing: neighboring columns of an int8 image become channels, which int8 kernels compute faster.

XNNPACK's int8 kernels multiply 4 or 8 channels at once, and 16 to 64 in a depth-wise convolution. Of an image's three
channels most of that is wasted. As [H, W/2, 6] or [H, W/4, 12] the same memory fills them.
"""

import copy
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from contextnet_tf.deployment.tflite.graph import TFLiteGraph

# Wider pooling has enough channels for depth-wise kernels.
_MOST_CHANNELS = 32
_CODE = schema.BuiltinOperator


def pack_columns(graph: TFLiteGraph) -> None:
    """Packs the image's columns for the operators of an int8 graph that read the image; the results are bit-identical.

    These are convolutions with a kernel of 3 columns and stride 2, and average pooling (see `pooling_as_convolution`).
    On LiteRT with AVX-512, cn14 at 1024 x 2048 takes 0.90 to 0.95 of the time.
    """
    views: dict[int, int] = {}
    operators = []
    for operator in graph.operators:
        packed = None
        if operator.inputs[0] == graph.image:
            packed = _packed_convolution(graph, operator) or _packed_pooling(graph, operator)
        if packed is None:
            operators.append(operator)
            continue
        changed, columns = packed
        if columns not in views:
            operators.append(_view(graph, columns))
            views[columns] = operators[-1].outputs[0]
        changed.inputs[0] = views[columns]
        operators.append(changed)
    graph.operators = operators


def _packed_convolution(graph: TFLiteGraph, operator: Any) -> tuple[Any, int] | None:
    """The operator for an image of column pairs, and 2; None if it is no convolution that can be packed."""
    if graph.code(operator) != _CODE.CONV_2D:
        return None
    options, kernel = operator.builtinOptions, graph.tensors[operator.inputs[1]]
    fits = (
        (kernel.type, kernel.shape[2], options.strideW, options.dilationWFactor) == (schema.TensorType.INT8, 3, 2, 1)
        and options.padding == schema.Padding.SAME
        and graph.tensors[graph.image].shape[2] % 2 == 0  # otherwise there is padding on the left
    )
    if not fits:
        return None
    values = graph.values(operator.inputs[1])
    pairs = np.zeros((*values.shape[:2], 2, 2 * values.shape[3]), np.int8)
    # The columns of a window: a whole pair and the left one of the next.
    pairs.reshape(*values.shape[:2], 4, values.shape[3])[:, :, :3] = values
    return _with_kernel(graph, operator, pairs), 2


def _packed_pooling(graph: TFLiteGraph, operator: Any) -> tuple[Any, int] | None:
    """A convolution instead of a depth-wise one whose windows tile the image, and the width of a window."""
    if graph.code(operator) != _CODE.DEPTHWISE_CONV_2D:
        return None
    options, kernel = operator.builtinOptions, graph.tensors[operator.inputs[1]]
    _, height, width, channels = kernel.shape
    fits = (
        kernel.type == schema.TensorType.INT8
        and (options.strideH, options.strideW, options.depthMultiplier) == (height, width, 1)
        and graph.tensors[graph.image].shape[2] % width == 0
        and graph.tensors[graph.image].shape[1] % height == 0
        and width * channels <= _MOST_CHANNELS
    )
    if not fits:
        return None
    values = graph.values(operator.inputs[1])
    dense = np.zeros((channels, height, 1, width, channels), np.int8)
    for channel in range(channels):
        dense[channel, :, 0, :, channel] = values[0, :, :, channel]
    changed = graph.operator(_CODE.CONV_2D, operator.inputs, operator.outputs[0])
    changed.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    changed.builtinOptions = schema.Conv2DOptionsT()
    for name in ("padding", "strideH", "strideW", "dilationHFactor", "dilationWFactor", "fusedActivationFunction"):
        setattr(changed.builtinOptions, name, getattr(options, name))
    return _with_kernel(graph, changed, dense.reshape(channels, height, 1, width * channels)), width


def _with_kernel(graph: TFLiteGraph, operator: Any, values: np.ndarray) -> Any:
    """The convolution with another kernel and stride 1 along the packed columns."""
    changed = copy.copy(operator)
    changed.builtinOptions = copy.copy(operator.builtinOptions)
    changed.builtinOptions.strideW = 1
    kernel = graph.constant_like(operator.inputs[1], values, f"{graph.name(operator.inputs[1])}_packed")
    changed.inputs = [operator.inputs[0], kernel, *operator.inputs[2:]]
    return changed


def _view(graph: TFLiteGraph, columns: int) -> Any:
    """An operator that reshapes the image [1, H, W, C] to [1, H, W / columns, columns * C]."""
    image = graph.tensors[graph.image]
    batch, height, width, channels = map(int, image.shape)
    packed = copy.copy(image)
    packed.name, packed.shape = f"columns_{columns}".encode(), [batch, height, width // columns, columns * channels]
    shape = graph.constant(packed.shape, f"columns_{columns}_shape")
    operator = graph.operator(_CODE.RESHAPE, [graph.image, shape], graph.append(packed), version=1)
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = packed.shape
    return operator
