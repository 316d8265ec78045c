"""TFLite graphs computed some rows at a time, so that what large operators pass on stays in a processor's caches."""

import copy
import math
from collections.abc import Iterable

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from contextnet_tf.deployment.tflite_graph import opcode_index, read, write

# By timing with LiteRT on AVX-512, one thread: cn14 at 1024 x 2048 takes 0.92 to 0.97 of the time. Smaller bands
# gain nothing more, as neighboring ones compute the rows between them twice.
_MOST_BYTES = 2**22  # of a tensor within a band
_LEAST_ROWS = 8  # of a band where the rows are fewest: an eighth more work at most
_MOST_JOINED = 4  # XNNPACK does not take a concatenation of six
_CODE = schema.BuiltinOperator
_ROWS = 1  # the axis of rows in [B, H, W, C]


def with_row_tiling(content: bytes, most_bytes: int = _MOST_BYTES) -> bytes:
    """The float TFLite file `content`, the parts of it cut into bands of rows that have the largest tensors.

    These are its two ends: from the image to the last convolutions that shrink it, and the point-wise operators up
    to the last point-wise convolution. Each band goes through all operators of its part before the next one begins,
    and the results are put together: the same numbers, exactly. A part stays whole where no tensor in it has more than
    `most_bytes`, or where it has only one convolution.
    """
    model = read(content)
    graph = _Graph(model)
    for region in (graph.shrinking_start(), graph.pointwise_end()):
        if sum(graph.is_convolution(operator) for operator in region) > 1:
            graph.cut(region, most_bytes)
    return write(model)


class _Graph:
    """The only graph of a TFLite file, changed in place. Tensors are indices, operators the file's own objects."""

    def __init__(self, model: schema.ModelT) -> None:
        self._model = model
        self._graph = model.subgraphs[0]
        self._tensors = self._graph.tensors
        # What depends on the image; kernels and biases do not, also where float16 ones are unpacked.
        self._computed = set(self._graph.inputs)
        for operator in self._graph.operators:
            if self._computed.intersection(operator.inputs):
                self._computed.update(operator.outputs)

    def is_convolution(self, operator: schema.OperatorT) -> bool:
        return self._code(operator) in (_CODE.CONV_2D, _CODE.DEPTHWISE_CONV_2D)

    def shrinking_start(self) -> list[schema.OperatorT]:
        """The operators from the image on that can be cut, up to the last ones that have a stride."""
        known, found = set(self._graph.inputs), []
        for operator in self._graph.operators:
            features = self._features(operator)
            if features and known.issuperset(features) and self._stride(operator):
                found.append(operator)
                known.update(operator.outputs)
        needed, kept = set(), []
        for operator in reversed(found):
            if self._stride(operator) > 1 or needed.intersection(operator.outputs):
                kept.append(operator)
                needed.update(operator.inputs)
        return kept[::-1]

    def pointwise_end(self) -> list[schema.OperatorT]:
        """The last point-wise convolution and what only works towards it, pixel by pixel."""
        kept: list[schema.OperatorT] = []
        for operator in reversed(self._graph.operators):
            if not self._features(operator) or self._stride(operator) != 1:
                continue
            readers = [other for other in self._graph.operators if set(operator.outputs).intersection(other.inputs)]
            if all(reader in kept for reader in readers) if kept else self._code(operator) == _CODE.CONV_2D:
                kept.append(operator)
        return kept[::-1]

    def cut(self, region: list[schema.OperatorT], most_bytes: int) -> None:
        """Puts bands in the place of the operators, as many as it takes for tensors of at most `most_bytes`."""
        made = {tensor for operator in region for tensor in operator.outputs}
        entries = {tensor for operator in region for tensor in self._features(operator)} - made
        others = [operator for operator in self._graph.operators if operator not in region]
        read_by_others = {tensor for operator in others for tensor in operator.inputs}
        exits = [tensor for tensor in sorted(made) if tensor in read_by_others or tensor in self._graph.outputs]
        height = max(self._height(tensor) for tensor in entries)
        stride = {tensor: height // self._height(tensor) for tensor in made | entries}
        multiple = max(stride.values())
        count = math.ceil(max(map(self._bytes, made)) / most_bytes)
        rows = max(math.ceil(height / count / multiple), _LEAST_ROWS) * multiple
        if rows >= height:
            return
        # A stride's window reaches below its band. Fed with enough for one row more of every exit, the last row of
        # each tensor may be wrong, and no other: there are zeros below where the image goes on.
        reach = multiple if multiple > 1 else 0
        bands, parts = [], {tensor: [] for tensor in exits}
        for start in range(0, height, rows):
            own = min(rows, height - start)
            fed = min(own + reach, height - start)
            operators, local = self._band(
                region, {tensor: (start // step, fed // step) for tensor, step in stride.items()}, entries
            )
            bands += operators
            for tensor in exits:
                part = local[tensor]
                if fed > own:
                    bands.append(self._slice(part, 0, own // stride[tensor]))
                    part = bands[-1].outputs[0]
                parts[tensor].append(part)
        for tensor in exits:
            bands += self._joined(parts[tensor], tensor)
        self._replace(region, bands)

    def _band(
        self, region: list[schema.OperatorT], rows: dict[int, tuple[int, int]], entries: set[int]
    ) -> tuple[list[schema.OperatorT], dict[int, int]]:
        """The operators of one band, and its tensors by those of the whole; `rows` are their first row and how many."""
        operators, local = [], {}
        for tensor in sorted(entries):
            operators.append(self._slice(tensor, *rows[tensor]))
            local[tensor] = operators[-1].outputs[0]
        for operator in region:
            clone = copy.copy(operator)
            clone.inputs = [local.get(tensor, tensor) for tensor in operator.inputs]
            clone.outputs = [self._like(tensor, rows[tensor][1]) for tensor in operator.outputs]
            local.update(zip(operator.outputs, clone.outputs, strict=True))
            operators.append(clone)
        return operators, local

    def _replace(self, region: list[schema.OperatorT], bands: list[schema.OperatorT]) -> None:
        """Puts the bands where the first operator of the region stood, or where all that they read is there."""
        missing = {tensor for operator in [*self._graph.operators, *bands] for tensor in operator.outputs}
        waiting = [bands if operator is region[0] else [operator] for operator in self._graph.operators]
        waiting = [operators for operators in waiting if operators[0] not in region]
        ordered = []
        while waiting:
            ready = next(operators for operators in waiting if not missing & _read_from_outside(operators))
            waiting.remove(ready)
            missing -= {tensor for operator in ready for tensor in operator.outputs}
            ordered += ready
        self._graph.operators = ordered

    def _stride(self, operator: schema.OperatorT) -> int:
        """By what the operator divides the number of rows; 0 if its rows cannot be cut, or we do not know how.

        Row r of the result is made of the rows from r * stride on, as many as the stride or one more.
        """
        code, options = self._code(operator), operator.builtinOptions
        if code == _CODE.ADD:
            return int(len({tuple(self._tensors[tensor].shape) for tensor in operator.inputs}) == 1)
        if code == _CODE.AVERAGE_POOL_2D:
            tiles = options.padding == schema.Padding.VALID and options.filterHeight == options.strideH
            return options.strideH if tiles else 0
        if self.is_convolution(operator):
            kernel = self._height(operator.inputs[1]), options.strideH
            # In an even number of rows nothing is added above the image.
            below = options.padding == schema.Padding.SAME and self._height(operator.inputs[0]) % 2 == 0
            fits = kernel == (1, 1) or (kernel == (3, 2) and options.dilationHFactor == 1 and below)
            return options.strideH if fits else 0
        return int(code in (_CODE.DEQUANTIZE, _CODE.RELU6))

    def _features(self, operator: schema.OperatorT) -> list[int]:
        """The inputs that depend on the image."""
        return [tensor for tensor in operator.inputs if tensor in self._computed]

    def _code(self, operator: schema.OperatorT) -> int:
        return self._model.operatorCodes[operator.opcodeIndex].builtinCode

    def _height(self, tensor: int) -> int:
        return self._tensors[tensor].shape[_ROWS]

    def _bytes(self, tensor: int) -> int:
        return 4 * math.prod(self._tensors[tensor].shape)  # computed ones are float32

    def _like(self, tensor: int, rows: int) -> int:
        """A new tensor like another, with so many rows."""
        made = copy.copy(self._tensors[tensor])
        made.shape = [*made.shape[:_ROWS], rows, *made.shape[_ROWS + 1 :]]
        index = self._append(made)
        self._computed.add(index)
        return index

    def _append(self, tensor: schema.TensorT) -> int:
        # A name of its own: OpenVINO tells tensors apart by it.
        tensor.name = b"rows_%d" % len(self._tensors)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _constant(self, values: Iterable[int]) -> int:
        """A new tensor int32 [n] of these values."""
        buffer = schema.BufferT()
        buffer.data = np.array(values, "<i4").view(np.uint8)
        self._model.buffers.append(buffer)
        tensor = schema.TensorT()
        tensor.shape, tensor.hasRank = [len(buffer.data) // 4], True
        tensor.type, tensor.buffer = schema.TensorType.INT32, len(self._model.buffers) - 1
        return self._append(tensor)

    def _slice(self, tensor: int, start: int, rows: int) -> schema.OperatorT:
        target = self._like(tensor, rows)
        begin, size = self._constant([0, start, 0, 0]), self._constant(self._tensors[target].shape)
        operator = self._operator(_CODE.SLICE, [tensor, begin, size], target)
        operator.builtinOptionsType = schema.BuiltinOptions.SliceOptions
        operator.builtinOptions = schema.SliceOptionsT()
        return operator

    def _joined(self, parts: list[int], target: int) -> list[schema.OperatorT]:
        """The parts below one another in the tensor `target`, a few at a time."""
        operators = []
        while len(parts) > _MOST_JOINED:
            chunks = [parts[i : i + _MOST_JOINED] for i in range(0, len(parts), _MOST_JOINED)]
            parts = []
            for chunk in chunks:
                if len(chunk) > 1:
                    joined = self._like(target, sum(map(self._height, chunk)))
                    operators.append(self._concatenation(chunk, joined))
                    chunk = [joined]
                parts += chunk
        return [*operators, self._concatenation(parts, target)]

    def _concatenation(self, parts: list[int], target: int) -> schema.OperatorT:
        operator = self._operator(_CODE.CONCATENATION, parts, target)
        operator.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
        operator.builtinOptions = schema.ConcatenationOptionsT()
        operator.builtinOptions.axis = _ROWS
        return operator

    def _operator(self, code: int, sources: list[int], target: int) -> schema.OperatorT:
        operator = schema.OperatorT()
        operator.opcodeIndex = opcode_index(self._model, code)
        operator.inputs, operator.outputs = sources, [target]
        return operator


def _read_from_outside(operators: list[schema.OperatorT]) -> set[int]:
    read = {tensor for operator in operators for tensor in operator.inputs}
    return read - {tensor for operator in operators for tensor in operator.outputs}
