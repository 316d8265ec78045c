"""A TFLite file as an object: parsed once, edited in place, written once.

The converter uses a CAST to turn a uint8 image into float32. XNNPACK cannot run a CAST, and GPU delegates have refused
it. This module uses a quantized input with the scale 1/255 instead, so that one operator supported by XNNPACK
normalizes the image. On the CPU both take the same time.
"""

import copy
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

IMAGE_SCALE = 1 / 255  # the pixel value q becomes the feature q / 255

_CODE = schema.BuiltinOperator


class TFLiteGraph:
    """The only subgraph of a TFLite file. Tensors are indices into `tensors`, operators are schema objects.

    Attributes:
      tensors: of type `schema.TensorT`.
      operators: of type `schema.OperatorT`, in order of execution; another list may be assigned.
    """

    def __init__(self, content: bytes):
        """Parses the content of a TFLite file."""
        self._model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
        self._subgraph = self._model.subgraphs[0]
        self.tensors: list[Any] = self._subgraph.tensors

    @property
    def operators(self) -> list[Any]:
        """See the class."""
        return self._subgraph.operators

    @operators.setter
    def operators(self, operators: Sequence[Any]) -> None:
        self._subgraph.operators = list(operators)

    def add_metadata(self, name: str, content: bytes) -> None:
        """Adds a buffer of metadata."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(content, np.uint8)
        self._model.buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name, entry.buffer = name.encode(), len(self._model.buffers) - 1
        self._model.metadata = [*(self._model.metadata or ()), entry]

    def content(self) -> bytes:
        """Serializes the graph as the content of a TFLite file."""
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self._model))

    @property
    def image(self) -> int:
        """The input tensor."""
        return self._subgraph.inputs[0]

    @property
    def output(self) -> int:
        """The output tensor."""
        return self._subgraph.outputs[0]

    def name(self, tensor: int) -> str:
        """The name of a tensor."""
        return self.tensors[tensor].name.decode()

    def code(self, operator: Any) -> int:
        """The operator's code, of `schema.BuiltinOperator`."""
        return self._model.operatorCodes[operator.opcodeIndex].builtinCode

    def append(self, tensor: Any) -> int:
        """Adds a tensor; returns its index."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, values: Iterable[int], name: str) -> int:
        """Adds a constant int32 [n]; returns its index."""
        buffer = schema.BufferT()
        buffer.data = np.array(values, "<i4").view(np.uint8)
        self._model.buffers.append(buffer)
        tensor = schema.TensorT()
        tensor.name = name.encode()
        tensor.shape, tensor.hasRank = [len(buffer.data) // 4], True
        tensor.type, tensor.buffer = schema.TensorType.INT32, len(self._model.buffers) - 1
        return self.append(tensor)

    def values(self, tensor: int) -> np.ndarray:
        """The values of a constant int8 tensor."""
        return (
            np.asarray(self._model.buffers[self.tensors[tensor].buffer].data, np.uint8)
            .view(np.int8)
            .reshape(self.tensors[tensor].shape)
        )

    def constant_like(self, tensor: int, values: np.ndarray, name: str) -> int:
        """Adds a constant of the type of `tensor` and its scales, along the first axis; returns its index."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        made = copy.copy(self.tensors[tensor])
        made.name, made.shape, made.buffer = name.encode(), list(values.shape), len(self._model.buffers) - 1
        made.quantization = copy.copy(made.quantization)
        made.quantization.quantizedDimension = 0
        return self.append(made)

    def operator(self, code: int, inputs: Sequence[int], output: int, *, version: int = 2) -> Any:
        """Creates an operator, which is not yet in the list; registers its code in the file if necessary.

        The default version is the first of QUANTIZE, DEQUANTIZE, SLICE and CONCATENATION with int8 and uint8.
        """
        codes = [kind.builtinCode for kind in self._model.operatorCodes]
        if code not in codes:
            added = schema.OperatorCodeT()
            added.builtinCode = added.deprecatedBuiltinCode = code
            added.version = version
            self._model.operatorCodes.append(added)
            codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = codes.index(code)
        operator.inputs, operator.outputs = list(inputs), [output]
        return operator

    def make_ends_uint8(self) -> None:
        """Changes the input to a uint8 image, and an int8 output to uint8.

        The old input is float32 in 0 to 1, or int8 with that range. This adds one DEQUANTIZE or QUANTIZE at the input
        and one QUANTIZE at an int8 output.
        """
        is_float = self.tensors[self.image].type == schema.TensorType.FLOAT32
        image = self._append_uint8(self.image, "image", IMAGE_SCALE, 0)
        self.operators.insert(0, self.operator(_CODE.DEQUANTIZE if is_float else _CODE.QUANTIZE, [image], self.image))
        self._subgraph.inputs[0] = self._signature.inputs[0].tensorIndex = image
        if self.tensors[self.output].type != schema.TensorType.INT8:
            return
        quantization = self.tensors[self.output].quantization
        # int8 and uint8 of the same scale differ only by 128, so nothing is rounded again.
        scale, zero_point = quantization.scale[0], int(quantization.zeroPoint[0]) + 128
        output = self._append_uint8(self.output, self._signature.outputs[0].name.decode(), scale, zero_point)
        self.operators.append(self.operator(_CODE.QUANTIZE, [self.output], output))
        self._set_output(output)

    def drop_last_operator(self) -> None:
        """Removes the last operator; its input becomes the output."""
        self._set_output(self.operators.pop().inputs[0])

    def set_image_range(self) -> None:
        """Sets the input range of a calibrated file to 0 to 1, regardless of the calibration images.

        The scale then is exactly 1/255, and a uint8 image becomes int8 by a shift, without rounding.
        """
        quantization = self.tensors[self.image].quantization
        quantization.min, quantization.max = [0.0], [1.0]

    def layer_outputs(self) -> dict[str, str]:
        """The output tensor of each Keras layer with a kernel, in file order: layer name -> tensor name.

        The converter names a kernel after its layer.
        """
        names = {}
        for operator in self.operators:
            kernel = self.name(operator.inputs[1]) if len(operator.inputs) == 3 else ""
            layer = re.match(r"(.+?)_1/(?:convolution|depthwise)", kernel)
            if layer:
                names[layer.group(1)] = self.name(operator.outputs[0])
        return names

    @property
    def _signature(self) -> Any:
        return self._model.signatureDefs[0]

    def _set_output(self, tensor: int) -> None:
        self._subgraph.outputs[0] = self._signature.outputs[0].tensorIndex = tensor

    def _append_uint8(self, like: int, name: str, scale: float, zero_point: int) -> int:
        """Adds a uint8 tensor of the shape of the tensor `like`; returns its index."""
        tensor = schema.TensorT()
        tensor.name = name.encode()
        tensor.shape = self.tensors[like].shape
        tensor.hasRank = True
        tensor.type = schema.TensorType.UINT8
        tensor.buffer = 0  # by convention the empty buffer: the values are computed at run time
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
        return self.append(tensor)
