"""A portable graph in ncnn's format: a text of layers, and their weights.

ncnn's own documentation ("param and model file structure", "operators") defines the numbered parameters of each layer.
"""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from contextnet_tf.deployment.portable import operations as ops
from contextnet_tf.deployment.portable.graph import PortableGraph
from contextnet_tf.errors import InputError

INPUT, OUTPUT = "image", "logits"  # float32 [3, H, W] in 0 to 1; float32 [C, H/f, W/f]
_MAGIC = "7767517"
_FLOAT32 = np.zeros(1, "<u4")  # stands before weights that may be stored in other types
_Parameters = dict[int, int | float | tuple[float, ...]]


@dataclasses.dataclass
class _Layer:
    """A layer; `inputs` and `value` are numbers of values, as in the portable graph."""

    kind: str
    parameters: _Parameters
    weights: Sequence[np.ndarray] = ()
    inputs: Sequence[int] = ()
    value: int = 0


def ncnn_model(network: PortableGraph) -> tuple[str, bytes]:
    """The contents of the .param and the .bin file, for images of the graph's size.

    Raises:
      InputError: ncnn has no layer for an operation, for example for unpooling.
    """
    layers = _layers(network)
    readers = collections.Counter(value for layer in layers for value in layer.inputs)
    output = layers[-1].value
    lines: list[str] = []
    names: dict[int, list[str]] = {}
    blobs = 0
    for number, layer in enumerate([_Layer("Input", {}), *layers]):
        name = {0: INPUT, output: OUTPUT}.get(layer.value, f"value{layer.value}")
        inputs = [names[value].pop() for value in layer.inputs]
        texts = [f"{key}={_text(value)}" for key, value in layer.parameters.items()]
        lines.append(" ".join([layer.kind, f"layer{number}", str(len(inputs)), "1", *inputs, name, *texts]))
        # A value has one reader in ncnn; copies are split off for others.
        count = readers[layer.value]
        names[layer.value] = [name] if count < 2 else [f"{name}_copy{index}" for index in range(count)]
        blobs += 1
        if count > 1:
            lines.append(" ".join(["Split", f"split{number}", "1", str(count), name, *names[layer.value]]))
            blobs += count
    weights = b"".join(np.ascontiguousarray(array).tobytes() for layer in layers for array in layer.weights)
    return "\n".join([_MAGIC, f"{len(lines)} {blobs}", *lines]) + "\n", weights


def _layers(network: PortableGraph) -> list[_Layer]:
    """The layers in order; a clipping behind a convolution is a parameter of the convolution."""
    readers = collections.Counter(value for step in network.steps for value in step.inputs)
    layers: list[_Layer] = []
    at = {0: 0}  # the number of a value -> that of the layer's value that holds it
    for number, step in enumerate(network.steps, start=1):
        inputs = [at[value] for value in step.inputs]
        operation = step.operation
        behind = layers and layers[-1].value == inputs[0] and readers[step.inputs[0]] == 1
        if isinstance(operation, ops.ReLU) and behind and _takes_activation(layers[-1]):
            layers[-1].parameters |= {9: 1} if operation.upper is None else {9: 3, -23310: (0.0, operation.upper)}
            at[number] = layers[-1].value
            continue
        layer = _layer(operation, len(inputs))
        layer.inputs, layer.value = inputs, number
        layers.append(layer)
        at[number] = number
    return layers


def _takes_activation(layer: _Layer) -> bool:
    return layer.kind.startswith(("Convolution", "Deconvolution")) and 9 not in layer.parameters


def _layer(operation: ops.Operation, inputs: int) -> _Layer:
    match operation:
        case ops.Convolution(kernel, bias, strides, dilation, padding, groups):
            parameters = _window(kernel, strides, dilation, padding) | {0: len(kernel), 5: 1, 6: kernel.size}
            if groups == 1:
                return _Layer("Convolution", parameters, [_FLOAT32, kernel, bias])
            return _Layer("ConvolutionDepthWise", parameters | {7: groups}, [_FLOAT32, kernel, bias])
        case ops.TransposedConvolution(kernel, bias, strides, cropping):
            parameters = _window(kernel, strides, (1, 1), cropping) | {0: kernel.shape[1], 5: 1, 6: kernel.size}
            return _Layer("Deconvolution", parameters, [_FLOAT32, kernel.swapaxes(0, 1), bias])
        case ops.Normalize(scale, offset):
            return _Layer("Scale", {0: len(scale), 1: 1}, [scale, offset])
        case ops.Pool(kind, (height, width), strides, padding):
            top, bottom, left, right = (max(length, 0) for length in padding)
            parameters = {0: int(kind == "average"), 1: width, 11: height, 2: strides[1], 12: strides[0]}
            return _Layer("Pooling", parameters | {3: left, 14: right, 13: top, 15: bottom, 5: 1})
        case ops.AdaptiveAveragePool(rows, columns):
            return _Layer("Pooling", {0: 1, 7: 1, 8: len(columns), 18: len(rows)})
        case ops.ReLU(None):
            return _Layer("ReLU", {})
        case ops.ReLU(upper) if upper is not None:
            return _Layer("Clip", {0: 0.0, 1: float(upper)})
        case ops.PReLU(slopes):
            return _Layer("PReLU", {0: len(slopes)}, [slopes])
        case ops.Resize((height, width)):
            return _Layer("Interp", {0: 2, 3: height, 4: width})
        case ops.ZeroPad((top, bottom, left, right), (before, behind)):
            return _Layer("Padding", {0: top, 1: bottom, 2: left, 3: right, 7: before, 8: behind})
        case ops.Add():
            return _Layer("Eltwise", {0: 1}) if inputs > 2 else _Layer("BinaryOp", {0: 0})
        case ops.Concatenate():
            return _Layer("Concat", {0: 0})
    raise InputError(f"ncnn has no layer for {type(operation).__name__}")


def _window(
    kernel: np.ndarray, strides: tuple[int, int], dilation: tuple[int, int], padding: ops.Padding
) -> _Parameters:
    top, bottom, left, right = (max(length, 0) for length in padding)
    return {
        1: kernel.shape[3],
        11: kernel.shape[2],
        2: dilation[1],
        12: dilation[0],
        3: strides[1],
        13: strides[0],
        4: left,
        15: right,
        14: top,
        16: bottom,
    }


def _text(value: int | float | tuple[float, ...]) -> str:
    """A number, or an array as its length and its items."""
    if isinstance(value, tuple):
        return ",".join([str(len(value)), *map(repr, value)])
    return repr(value)
