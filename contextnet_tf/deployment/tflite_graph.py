"""The ends of a converted TFLite graph: uint8 images in, uint8 logits out, and which operator is which layer.

From a uint8 image the converter itself makes a CAST, which LiteRT's XNNPACK does not take and GPU delegates have
refused. A quantized input says more: with the scale 1/255 the normalization is part of the file's input, for every
network, and one operator that XNNPACK has. On the CPU both take the same time.
"""

import re

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

IMAGE_SCALE = 1 / 255  # a pixel of the value q is the feature q / 255


def with_uint8_image(content: bytes) -> bytes:
    """The TFLite file `content`, whose input is float32 in 0 to 1 or int8 of that range, with a uint8 image.

    One operator more: DEQUANTIZE in front of float32, QUANTIZE in front of int8.
    """
    model = read(content)
    graph = model.subgraphs[0]
    old = graph.inputs[0]
    is_float = graph.tensors[old].type == schema.TensorType.FLOAT32
    new = _append_tensor(graph, old, "image", IMAGE_SCALE, 0)
    operators = schema.BuiltinOperator
    operator = _operator(model, operators.DEQUANTIZE if is_float else operators.QUANTIZE, new, old)
    graph.operators.insert(0, operator)
    graph.inputs[0] = new
    model.signatureDefs[0].inputs[0].tensorIndex = new
    return write(model)


def with_uint8_output(content: bytes) -> bytes:
    """The TFLite file `content`, whose output is int8, with the same values as uint8: one QUANTIZE more."""
    model = read(content)
    graph = model.subgraphs[0]
    old = graph.outputs[0]
    quantization = graph.tensors[old].quantization
    name = model.signatureDefs[0].outputs[0].name.decode()
    # int8 and uint8 of the same scale differ by 128 alone, so that nothing is rounded again.
    new = _append_tensor(graph, old, name, quantization.scale[0], int(quantization.zeroPoint[0]) + 128)
    graph.operators.append(_operator(model, schema.BuiltinOperator.QUANTIZE, old, new))
    graph.outputs[0] = new
    model.signatureDefs[0].outputs[0].tensorIndex = new
    return write(model)


def with_float_output(content: bytes) -> bytes:
    """The TFLite file `content`, whose last operator makes int8 of its float32 result, without that operator."""
    model = read(content)
    graph = model.subgraphs[0]
    last = graph.operators.pop()
    graph.outputs[0] = model.signatureDefs[0].outputs[0].tensorIndex = last.inputs[0]
    return write(model)


def output_is_int8(content: bytes) -> bool:
    """Whether the TFLite file `content` gives int8."""
    graph = read(content).subgraphs[0]
    return graph.tensors[graph.outputs[0]].type == schema.TensorType.INT8


def output_name(content: bytes) -> str:
    """The name of the tensor that the TFLite file `content` gives."""
    graph = read(content).subgraphs[0]
    return graph.tensors[graph.outputs[0]].name.decode()


def with_image_range(calibrated: bytes) -> bytes:
    """A calibrated TFLite file whose input has the range 0 to 1, whatever the calibration images had.

    So its scale is exactly 1/255, and a uint8 image becomes int8 by a shift, with no rounding.
    """
    model = read(calibrated)
    graph = model.subgraphs[0]
    quantization = graph.tensors[graph.inputs[0]].quantization
    quantization.min, quantization.max = [0.0], [1.0]
    return write(model)


def layer_outputs(content: bytes) -> dict[str, str]:
    """The output tensor of each Keras layer with a kernel, in the order of the file: layer name -> tensor name.

    The converter names a kernel after the layer that it belongs to.
    """
    graph = read(content).subgraphs[0]
    names = {}
    for operator in graph.operators:
        kernel = graph.tensors[operator.inputs[1]].name.decode() if len(operator.inputs) == 3 else ""
        layer = re.match(r"(.+?)_1/(?:convolution|depthwise)", kernel)
        if layer:
            names[layer.group(1)] = graph.tensors[operator.outputs[0]].name.decode()
    return names


def _append_tensor(graph: schema.SubGraphT, like: int, name: str, scale: float, zero_point: int) -> int:
    """Adds a uint8 tensor of the shape of the tensor `like`, and returns its index."""
    tensor = schema.TensorT()
    tensor.name = name.encode()
    tensor.shape = graph.tensors[like].shape
    tensor.hasRank = True
    tensor.type = schema.TensorType.UINT8
    tensor.buffer = 0  # by convention the empty one: the values come when the file runs
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(model: schema.ModelT, code: int, source: int, target: int) -> schema.OperatorT:
    """An operator from one tensor to another."""
    operator = schema.OperatorT()
    operator.opcodeIndex = opcode_index(model, code)
    operator.inputs, operator.outputs = [source], [target]
    return operator


def opcode_index(model: schema.ModelT, code: int) -> int:
    """Where an operator's code stands in the file's list, to which it is added if it is new."""
    codes = [x.builtinCode for x in model.operatorCodes]
    if code not in codes:
        added = schema.OperatorCodeT()
        added.builtinCode = added.deprecatedBuiltinCode = code
        added.version = 2  # of QUANTIZE, DEQUANTIZE, SLICE and CONCATENATION the first that knows both 8-bit types
        model.operatorCodes.append(added)
        codes.append(code)
    return codes.index(code)


def read(content: bytes) -> schema.ModelT:
    """A TFLite file as objects."""
    return flatbuffer_utils.convert_bytearray_to_object(bytearray(content))


def write(model: schema.ModelT) -> bytes:
    """The TFLite file of such objects."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
