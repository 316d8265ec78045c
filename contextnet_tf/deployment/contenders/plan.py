"""A Keras network as a list of plain operations, from which networks of other libraries are built.

Only what inference does: batch normalization must have been folded, dropout is left out.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.pyramid import ResizeLike

# Top, bottom, left, right: up to the frame of the outermost windows; negative where they leave rows over.
Padding = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution with bias; `kernel` is float32 [out, in/groups, height, width]."""

    kernel: np.ndarray
    bias: np.ndarray
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    groups: int


@dataclasses.dataclass(frozen=True)
class Pool:
    """The averages, or the maxima, of windows; what is padded is no maximum, and averages pad nothing."""

    kind: str  # "average" or "maximum"
    size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding


@dataclasses.dataclass(frozen=True)
class Rectify:
    """0 for what is below, `upper` for what is above that; None: no upper bound."""

    upper: float | None


@dataclasses.dataclass(frozen=True)
class Resize:
    """Bilinear interpolation with half-pixel centres to `size` (height, width)."""

    size: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class ZeroPad:
    """Zeros around the features."""

    padding: Padding


@dataclasses.dataclass(frozen=True)
class Add:
    """The sum of all inputs."""


@dataclasses.dataclass(frozen=True)
class Concatenate:
    """All inputs, one behind the other in the channels."""


Operation = Convolution | Pool | Rectify | Resize | ZeroPad | Add | Concatenate


@dataclasses.dataclass(frozen=True)
class Step:
    """An operation on the values with the numbers `inputs`: 0 is the picture, n what step n gave, from 1.

    `last_used`: those of the inputs that no later step takes.
    """

    operation: Operation
    inputs: tuple[int, ...]
    last_used: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A network for pictures of `size` (height, width): float32 in 0 to 1 -> the last step's logits, of full size."""

    size: tuple[int, int]
    steps: tuple[Step, ...]


def plan_of(network: keras.Model) -> Plan:
    """The plan of a folded functional network of fixed size, for its output "main".

    Raises:
      InputError: a layer has no operation here, or has a setting that it does not know.
    """
    network = keras.Model(network.input, network.output["main"], name=network.name)
    numbers = {id(network.inputs[0]): 0}
    drafts: list[tuple[Operation, tuple[int, ...]]] = []
    for node in graph.calls(network):
        inputs = tuple(numbers[id(tensor)] for tensor in node.input_tensors)
        operation = _operation(node, network.name)
        if operation is None:
            numbers[id(node.outputs[0])] = inputs[0]
            continue
        # The second input of a resizing layer says its size only, which is fixed.
        drafts.append((operation, inputs[:1] if isinstance(operation, Resize) else inputs))
        numbers[id(node.outputs[0])] = len(drafts)
    if numbers[id(network.outputs[0])] != len(drafts):
        raise InputError(f"network {network.name!r}: its logits are not what its last layer gives")
    return Plan(tuple(network.input_shape[1:3]), _with_last_uses(drafts))


def mirrored(plan: Plan) -> Plan:
    """The plan of the same network for pictures turned by 180 degrees, whose labels come out turned as well.

    Where a stride leaves an odd row or column to pad, TensorFlow has it at the end and other libraries at the
    start: turned, a network of one is a network of the other.
    """
    steps = (dataclasses.replace(step, operation=_mirrored(step.operation)) for step in plan.steps)
    return dataclasses.replace(plan, steps=tuple(steps))


def _mirrored(operation: Operation) -> Operation:
    if not isinstance(operation, Convolution | Pool | ZeroPad):
        return operation  # the same either way round
    top, bottom, left, right = operation.padding
    turned = dataclasses.replace(operation, padding=(bottom, top, right, left))
    if isinstance(operation, Convolution):
        turned = dataclasses.replace(turned, kernel=operation.kernel[..., ::-1, ::-1].copy())
    return turned


def _with_last_uses(drafts: Sequence[tuple[Operation, tuple[int, ...]]]) -> tuple[Step, ...]:
    last_step = {number: step for step, (_, inputs) in enumerate(drafts) for number in inputs}
    return tuple(
        Step(operation, inputs, tuple(number for number in dict.fromkeys(inputs) if last_step[number] == step))
        for step, (operation, inputs) in enumerate(drafts)
    )


def _operation(node: Any, network: str) -> Operation | None:
    """The operation of a call of a layer; None where it does nothing at inference."""
    layer = node.operation
    if type(layer) not in _OPERATIONS:
        raise InputError(
            f"network {network!r}: layer {layer.name!r}, a {type(layer).__name__}, has no counterpart in other "
            f"libraries here; known are {', '.join(sorted(kind.__name__ for kind in _OPERATIONS))}"
        )
    return _OPERATIONS[type(layer)](layer, node)


def _convolution(layer: layers.Conv2D, node: Any) -> Convolution:
    kernel = np.asarray(layer.kernel).transpose(3, 2, 0, 1)
    return _any_convolution(layer, node, kernel, layer.groups)


def _depthwise(layer: layers.DepthwiseConv2D, node: Any) -> Convolution:
    height, width, channels, multiplier = layer.kernel.shape
    kernel = np.asarray(layer.kernel).reshape(height, width, 1, channels * multiplier).transpose(3, 2, 0, 1)
    return _any_convolution(layer, node, kernel, channels)


def _any_convolution(layer: Any, node: Any, kernel: np.ndarray, groups: int) -> Convolution:
    _require(layer, layer.activation is keras.activations.linear, "a nonlinearity inside")
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(len(kernel), np.float32)
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(kernel.shape[2:], layer.dilation_rate, strict=True)]
    return Convolution(
        np.ascontiguousarray(kernel),
        bias,
        tuple(layer.strides),
        tuple(layer.dilation_rate),
        _padding(layer, node, spans),
        groups,
    )


def _pool(kind: str) -> Callable[[Any, Any], Pool]:
    def pool(layer: Any, node: Any) -> Pool:
        _require(layer, kind == "maximum" or layer.padding == "valid", "averages that pad")
        return Pool(kind, tuple(layer.pool_size), tuple(layer.strides), _padding(layer, node, layer.pool_size))

    return pool


def _rectify(layer: layers.ReLU, node: Any) -> Rectify:
    _require(layer, not layer.negative_slope and not layer.threshold, "a slope or a threshold")
    return Rectify(None if layer.max_value is None else float(layer.max_value))


def _resize(layer: Any, node: Any) -> Resize:
    _require(layer, getattr(layer, "interpolation", "bilinear") == "bilinear", "an interpolation that is not bilinear")
    return Resize(tuple(node.outputs[0].shape[1:3]))


def _zero_pad(layer: layers.ZeroPadding2D, node: Any) -> ZeroPad:
    return ZeroPad(tuple(int(length) for axis in layer.padding for length in axis))


def _concatenate(layer: layers.Concatenate, node: Any) -> Concatenate:
    _require(layer, layer.axis in (-1, 3), "an axis other than the channels")
    return Concatenate()


def _padding(layer: Any, node: Any, spans: Sequence[int]) -> Padding:
    """TensorFlow's: "same" centres the windows, with the odd row or column at the end."""
    _require(layer, layer.data_format == "channels_last", "channels before rows")
    padding = []
    for length, span, stride in zip(node.input_tensors[0].shape[1:3], spans, layer.strides, strict=True):
        windows = -(-length // stride) if layer.padding == "same" else (length - span) // stride + 1
        missing = (windows - 1) * stride + span - length
        before = max(missing, 0) // 2
        padding += [before, missing - before]
    return tuple(padding)


def _require(layer: Any, condition: bool, what: str) -> None:
    if not condition:
        raise InputError(f"layer {layer.name!r}: has {what}, which has no counterpart in other libraries here")


_OPERATIONS: dict[type, Callable[[Any, Any], Operation | None]] = {
    layers.Add: lambda layer, node: Add(),
    layers.AveragePooling2D: _pool("average"),
    layers.Concatenate: _concatenate,
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _depthwise,
    layers.Dropout: lambda layer, node: None,
    layers.MaxPooling2D: _pool("maximum"),
    layers.ReLU: _rectify,
    layers.SpatialDropout2D: lambda layer, node: None,
    layers.UpSampling2D: _resize,
    layers.ZeroPadding2D: _zero_pad,
    ResizeLike: _resize,
}
