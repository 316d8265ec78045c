"""A portable graph as an ONNX model."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contextnet_tf.deployment.portable.graph import PortableGraph
from contextnet_tf.deployment.portable.operations import (
    AdaptiveAveragePool,
    Add,
    Concatenate,
    Convolution,
    Item,
    Normalize,
    Operation,
    Padding,
    Pool,
    PoolWithIndices,
    PReLU,
    ReLU,
    Resize,
    TransposedConvolution,
    Unpool,
    ZeroPad,
)
from contextnet_tf.errors import InputError

_OPSET = 18
_IR_VERSION = 10  # supported by recent runtimes


def onnx_model(network: PortableGraph) -> onnx.ModelProto:
    """An ONNX model: `image` uint8 [H, W, 3] -> `labels` uint8 [H, W], upsampling and arg-max in the graph.

    Raises:
      InputError: the graph has a training-only operation.
    """
    graph = _Graph()
    value = graph.add("Cast", "image", to=TensorProto.FLOAT)
    value = graph.add("Div", value, graph.constant(np.float32(255)))
    value = graph.add("Transpose", value, perm=[2, 0, 1])
    values = [graph.add("Unsqueeze", value, graph.constant(np.array([0])))]
    for step in network.steps:
        values.append(_add_step(graph, step.operation, [values[index] for index in step.inputs]))
    best = graph.add("ArgMax", values[network.outputs["main"]], axis=1, keepdims=0)
    best = graph.add("Squeeze", best, graph.constant(np.array([0])))
    graph.add("Cast", best, to=TensorProto.UINT8, output="labels")
    height, width = network.size
    content = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [height, width, 3])],
        [helper.make_tensor_value_info("labels", TensorProto.UINT8, [height, width])],
        graph.constants,
    )
    model = helper.make_model(content, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Collects nodes and constants, and gives their values numbered names."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes) -> str:
        """Adds a node; returns the name of its value."""
        output = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def add_for_two(self, operator: str, *inputs: str, **attributes) -> tuple[str, str]:
        """Adds a node with two outputs; returns their names."""
        outputs = (f"value{len(self.nodes)}", f"value{len(self.nodes)}b")
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs

    def constant(self, value: np.ndarray) -> str:
        """Adds a constant; returns its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


# The name of a value, or the two names of the outputs of `PoolWithIndices`.
_Names = str | tuple[str, str]


def _add_step(graph: _Graph, operation: Operation, inputs: Sequence[_Names]) -> _Names:
    match operation:
        case Convolution():
            return graph.add(
                "Conv",
                *inputs,
                graph.constant(operation.kernel),
                graph.constant(operation.bias),
                strides=operation.strides,
                dilations=operation.dilation,
                group=operation.groups,
                pads=_pads(operation.padding),
            )
        case TransposedConvolution(kernel, bias, strides, cropping):
            weights = graph.constant(kernel), graph.constant(bias)
            return graph.add("ConvTranspose", *inputs, *weights, strides=strides, pads=_pads(cropping))
        case Normalize(scale, offset):
            statistics = (graph.constant(np.full_like(scale, value)) for value in (0, 1))
            weights = graph.constant(scale), graph.constant(offset)
            return graph.add("BatchNormalization", *inputs, *weights, *statistics, epsilon=0.0)
        case Pool(kind, size, strides, padding):
            operator = {"average": "AveragePool", "maximum": "MaxPool"}[kind]
            return graph.add(operator, *inputs, kernel_shape=size, strides=strides, pads=_pads(padding))
        case AdaptiveAveragePool(rows, columns):  # ONNX pooling has windows of equal size only
            across = graph.add("MatMul", *inputs, graph.constant(columns.T.copy()))
            return graph.add("MatMul", graph.constant(rows), across)
        case PoolWithIndices():
            return graph.add_for_two("MaxPool", *inputs, kernel_shape=[2, 2], strides=[2, 2])
        case Item(index):
            return inputs[0][index]
        case Unpool():
            return graph.add("MaxUnpool", *inputs, kernel_shape=[2, 2], strides=[2, 2])
        case ReLU(None):
            return graph.add("Relu", *inputs)
        case ReLU(upper):
            return graph.add("Clip", *inputs, graph.constant(np.float32(0)), graph.constant(np.float32(upper)))
        case PReLU(slopes):
            return graph.add("PRelu", *inputs, graph.constant(slopes[:, np.newaxis, np.newaxis]))
        case Resize((height, width)):
            # Batch and channels keep their sizes, taken from the input.
            shape = graph.add("Shape", *inputs, start=0, end=2)
            sizes = graph.add("Concat", shape, graph.constant(np.array([height, width])), axis=0)
            return graph.add("Resize", *inputs, "", "", sizes, mode="linear")  # half-pixel centers, by default
        case ZeroPad((top, bottom, left, right), (before, behind)):
            ends = np.array([0, before, top, left, 0, behind, bottom, right])
            return graph.add("Pad", *inputs, graph.constant(ends))
        case Add():
            return graph.add("Sum" if len(inputs) > 2 else "Add", *inputs)
        case Concatenate():
            return graph.add("Concat", *inputs, axis=1)
    raise InputError(f"{type(operation).__name__}: is an operation of training; give the graph of inference")


def _pads(padding: Padding) -> list[int]:
    # Negative padding crops unused rows; ONNX needs no cropping.
    top, bottom, left, right = (max(length, 0) for length in padding)
    return [top, left, bottom, right]
