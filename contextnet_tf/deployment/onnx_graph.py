"""A portable graph as an ONNX model."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contextnet_tf.deployment.portable import operations as ops
from contextnet_tf.deployment.portable.graph import PortableGraph, Step
from contextnet_tf.errors import InputError

OPSET, IR_VERSION = 17, 8  # of ONNX 1.12: the oldest that has all operators used here

# ONNX's standard metadata of an image, which tools of other frameworks read.
_COLOR_SPACE = {"Image.BitmapPixelFormat": "Rgb8", "Image.ColorSpaceGamma": "SRGB"}
_PIXEL_RANGE = {"uint8": "NominalRange_0_255", "float32": "Normalized_0_1"}

# The name of a value, or the two names of the outputs of `PoolWithIndices`.
_Names = str | tuple[str, str]


def onnx_model(
    network: PortableGraph,
    num_classes: int,
    *,
    image_type: str,
    output: str,
    factor: int = 1,
    dynamic_batch: bool = False,
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """The network as a checked ONNX model of the input `image` and the output `logits` or `labels`.

    Args:
      network: the graph; of any size if its `size` is None.
      num_classes: C, the channels of the output "main".
      image_type: "uint8": image uint8 [B, H, W, 3], logits float32 [B, H/f, W/f, C]. "float32": image float32
        [B, 3, H, W] in 0 to 1, logits float32 [B, C, H/f, W/f].
      output: "logits", or "labels" uint8 [B, H, W] by an arg-max in the graph.
      factor: f, the size of the image over that of the output "main".
      dynamic_batch: whether B is any number; otherwise 1.
      metadata: texts by name, written into the model.

    Raises:
      InputError: the graph has a training-only operation.
    """
    height, width = network.size or (None, None)
    batch = None if dynamic_batch else 1
    graph = _Graph()
    values: list[_Names] = [_add_image(graph, image_type)]
    for step in network.steps:
        values.append(_add_step(graph, step, [values[index] for index in step.inputs]))
    _add_output(graph, values[network.outputs["main"]], image_type, output)
    sizes = [_axis(length, 1, name) for length, name in ((height, "height"), (width, "width"))]
    small = [_axis(length, factor, name) for length, name in ((height, "height"), (width, "width"))]
    first = _axis(batch, 1, "batch")
    image = _channels_placed([first, *sizes], 3, image_type)
    shape = [first, *small] if output == "labels" else _channels_placed([first, *small], num_classes, image_type)
    types = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}
    content = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info("image", types[image_type], image)],
        [helper.make_tensor_value_info(output, types["uint8" if output == "labels" else "float32"], shape)],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(content, opset_imports=opsets, ir_version=IR_VERSION, producer_name="contextnet_tf")
    standard = _COLOR_SPACE | {"Image.NominalPixelRange": _PIXEL_RANGE[image_type]}
    helper.set_model_props(model, {**standard, **metadata})
    onnx.checker.check_model(model, full_check=True)
    return model


def _axis(length: int | None, factor: int, name: str) -> int | str:
    """An axis of a shape: its length, or its name where the length is dynamic."""
    if length is None:
        return name if factor == 1 else f"{name}/{factor}"
    return length // factor


def _channels_placed(sizes: Sequence[int | str], channels: int, image_type: str) -> list[int | str]:
    batch, height, width = sizes
    return [batch, height, width, channels] if image_type == "uint8" else [batch, channels, height, width]


class _Graph:
    """Collects nodes and constants. Values are named after the network's layers."""

    def __init__(self):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._names: collections.Counter[str] = collections.Counter()
        self._numbers: dict[float, str] = {}

    def add(self, operator: str, *inputs: Any, name: str, **attributes: Any) -> str:
        """Adds a node; returns the name of its value."""
        (output,) = self._add(operator, inputs, [self._own(name)], attributes)
        return output

    def add_for_two(self, operator: str, *inputs: Any, name: str, **attributes: Any) -> tuple[str, str]:
        """Adds a node with two outputs; returns their names."""
        first, second = self._add(operator, inputs, [self._own(name), self._own(f"{name}_indices")], attributes)
        return first, second

    def constant(self, value: np.ndarray, name: str) -> str:
        """Adds a constant; returns its name."""
        name = self._own(name)
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def number(self, value: float) -> str:
        """The float32 constant `value`, which all its users share."""
        if value not in self._numbers:
            self._numbers[value] = self.constant(np.array(value, np.float32), f"constant_{value:g}")
        return self._numbers[value]

    def _add(self, operator: str, inputs: Sequence[Any], outputs: list[str], attributes: dict[str, Any]) -> list[str]:
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes))
        return outputs

    def _own(self, name: str) -> str:
        """`name`, or with a number if it is taken: a layer may be called several times."""
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}_{self._names[name]}"


def _add_image(graph: _Graph, image_type: str) -> str:
    """The image as float32 [B, 3, H, W] in 0 to 1."""
    if image_type == "float32":
        return "image"
    value = graph.add("Cast", "image", name="image_float", to=TensorProto.FLOAT)
    value = graph.add("Div", value, graph.number(255), name="image_normalized")
    return graph.add("Transpose", value, name="image_channels_first", perm=[0, 3, 1, 2])


def _add_output(graph: _Graph, logits: _Names, image_type: str, output: str) -> None:
    if output == "labels":
        best = graph.add("ArgMax", logits, name="best_class", axis=1, keepdims=0)
        graph.add("Cast", best, name="labels", to=TensorProto.UINT8)
    elif image_type == "uint8":
        graph.add("Transpose", logits, name="logits", perm=[0, 2, 3, 1])
    else:
        graph.add("Identity", logits, name="logits")


def _add_step(graph: _Graph, step: Step, inputs: Sequence[_Names]) -> _Names:
    name = step.layer
    match step.operation:
        case ops.Convolution(kernel, bias, strides, dilation, padding, groups):
            return graph.add(
                "Conv",
                *inputs,
                graph.constant(kernel, f"{name}_kernel"),
                graph.constant(bias, f"{name}_bias"),
                name=name,
                strides=strides,
                dilations=dilation,
                group=groups,
                pads=_pads(padding),
            )
        case ops.TransposedConvolution(kernel, bias, strides, cropping):
            weights = [graph.constant(kernel, f"{name}_kernel"), graph.constant(bias, f"{name}_bias")]
            return graph.add("ConvTranspose", *inputs, *weights, name=name, strides=strides, pads=_pads(cropping))
        case ops.Normalize(scale, offset):
            values = {"scale": scale, "offset": offset, "mean": np.zeros_like(scale), "variance": np.ones_like(scale)}
            weights = [graph.constant(value, f"{name}_{kind}") for kind, value in values.items()]
            return graph.add("BatchNormalization", *inputs, *weights, name=name, epsilon=0.0)
        case ops.Pool(kind, size, strides, padding):
            operator = {"average": "AveragePool", "maximum": "MaxPool"}[kind]
            return graph.add(operator, *inputs, name=name, kernel_shape=size, strides=strides, pads=_pads(padding))
        case ops.AdaptiveAveragePool(rows, columns):  # ONNX pooling has windows of equal size only
            across = graph.constant(columns.T.copy(), f"{name}_columns")
            across = graph.add("MatMul", *inputs, across, name=f"{name}_across")
            return graph.add("MatMul", graph.constant(rows, f"{name}_rows"), across, name=name)
        case ops.PoolWithIndices():
            return graph.add_for_two("MaxPool", *inputs, name=name, kernel_shape=[2, 2], strides=[2, 2])
        case ops.Item(index):
            return inputs[0][index]
        case ops.Unpool():
            return graph.add("MaxUnpool", *inputs, name=name, kernel_shape=[2, 2], strides=[2, 2])
        case ops.ReLU(None):
            return graph.add("Relu", *inputs, name=name)
        case ops.ReLU(upper) if upper is not None:
            return graph.add("Clip", *inputs, graph.number(0), graph.number(upper), name=name)
        case ops.PReLU(slopes):
            return graph.add("PRelu", *inputs, graph.constant(slopes[:, None, None], f"{name}_slopes"), name=name)
        case ops.Resize(size, None):
            # Batch and channels keep their sizes, taken from the input.
            kept = graph.add("Shape", *inputs, name=f"{name}_kept", start=0, end=2)
            wanted = graph.constant(np.array(size), f"{name}_wanted")
            sizes = graph.add("Concat", kept, wanted, name=f"{name}_sizes", axis=0)
            return graph.add("Resize", *inputs, "", "", sizes, name=name, mode="linear")  # half-pixel centers
        case ops.Resize(_, factors) if factors is not None:
            scales = graph.constant(np.array([1, 1, *factors], np.float32), f"{name}_scales")
            return graph.add("Resize", *inputs, "", scales, name=name, mode="linear")
        case ops.ZeroPad((top, bottom, left, right), (before, behind)):
            ends = graph.constant(np.array([0, before, top, left, 0, behind, bottom, right]), f"{name}_ends")
            return graph.add("Pad", *inputs, ends, name=name)
        case ops.Add():
            return graph.add("Sum" if len(inputs) > 2 else "Add", *inputs, name=name)
        case ops.Concatenate():
            return graph.add("Concat", *inputs, name=name, axis=1)
    raise InputError(f"{type(step.operation).__name__}: is an operation of training; give the graph of inference")


def _pads(padding: ops.Padding) -> list[int]:
    # Negative padding crops unused rows; ONNX needs no cropping.
    top, bottom, left, right = (max(length, 0) for length in padding)
    return [top, left, bottom, right]
