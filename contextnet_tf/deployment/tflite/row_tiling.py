"""Row tiling: large features are computed in bands of rows, so that they stay in the CPU caches."""

import copy
import math
from collections.abc import Iterable
from typing import Any

from tensorflow.lite.python import schema_py_generated as schema

from contextnet_tf.deployment.tflite.graph import TFLiteGraph

# Timed with LiteRT on AVX-512, one thread: cn14 at 1024 x 2048 takes 0.92 to 0.97 of the time. Smaller bands were not
# faster, because neighboring bands compute the rows between them twice.
_MOST_BYTES = 2**22  # bytes of a tensor within a band
_LEAST_ROWS = 8  # of a band in its smallest tensor: at most an eighth more work
_MOST_JOINED = 4  # XNNPACK does not run a concatenation of six
_CODE = schema.BuiltinOperator
_ROWS = 1  # the axis of rows in [B, H, W, C]


def tile_rows(graph: TFLiteGraph, most_bytes: int = _MOST_BYTES) -> None:
    """Cuts the two regions of a float graph with the largest tensors into bands of rows.

    The first region reaches from the image to the last strided convolution. The second is the last point-wise
    convolution with the point-wise operators before it. Each band runs through all operators of its region before the
    next band starts, and the bands are concatenated. The results are bit-identical. A region stays whole if none of
    its tensors exceeds `most_bytes`, or if it has only one convolution.
    """
    tiles = _Tiles(graph)
    for region in (tiles.shrinking_start(), tiles.pointwise_end()):
        if sum(tiles.is_convolution(operator) for operator in region) > 1:
            tiles.cut(region, most_bytes)


class _Tiles:
    """Finds the regions of a graph that can be cut into bands of rows, and cuts them."""

    def __init__(self, graph: TFLiteGraph) -> None:
        self._graph = graph
        self._tensors = graph.tensors
        # Tensors that depend on the image, so not kernels and biases, even if unpacked from float16.
        self._computed = {graph.image}
        for operator in graph.operators:
            if self._computed.intersection(operator.inputs):
                self._computed.update(operator.outputs)

    def is_convolution(self, operator: schema.OperatorT) -> bool:
        return self._graph.code(operator) in (_CODE.CONV_2D, _CODE.DEPTHWISE_CONV_2D)

    def shrinking_start(self) -> list[schema.OperatorT]:
        """The operators that can be cut, from the image to the last strided ones."""
        known, found = {self._graph.image}, []
        for operator in self._graph.operators:
            features = self._features(operator)
            if features and known.issuperset(features) and self._stride(operator):
                found.append(operator)
                known.update(operator.outputs)
        needed: set[int] = set()
        kept = []
        for operator in reversed(found):
            if self._stride(operator) > 1 or needed.intersection(operator.outputs):
                kept.append(operator)
                needed.update(operator.inputs)
        return kept[::-1]

    def pointwise_end(self) -> list[schema.OperatorT]:
        """The last point-wise convolution, and the point-wise operators that only it depends on."""
        kept: list[schema.OperatorT] = []
        for operator in reversed(self._graph.operators):
            if not self._features(operator) or self._stride(operator) != 1:
                continue
            readers = [other for other in self._graph.operators if set(operator.outputs).intersection(other.inputs)]
            if all(reader in kept for reader in readers) if kept else self._graph.code(operator) == _CODE.CONV_2D:
                kept.append(operator)
        return kept[::-1]

    def cut(self, region: list[schema.OperatorT], most_bytes: int) -> None:
        """Replaces the operators by enough bands that no tensor exceeds `most_bytes`."""
        made = {tensor for operator in region for tensor in operator.outputs}
        entries = {tensor for operator in region for tensor in self._features(operator)} - made
        others = [operator for operator in self._graph.operators if operator not in region]
        read_by_others = {tensor for operator in others for tensor in operator.inputs}
        exits = [tensor for tensor in sorted(made) if tensor in read_by_others or tensor == self._graph.output]
        height = max(self._height(tensor) for tensor in entries)
        stride = {tensor: height // self._height(tensor) for tensor in made | entries}
        multiple = max(stride.values())
        count = math.ceil(max(map(self._bytes, made)) / most_bytes)
        rows = max(math.ceil(height / count / multiple), _LEAST_ROWS) * multiple
        if rows >= height:
            return
        # The window of a strided convolution reaches below its band. Each band gets the input for one more row of every
        # exit. Only the last row of each tensor may be wrong: zeros replace the rest of the image there.
        reach = multiple if multiple > 1 else 0
        bands = []
        parts: dict[int, list[Any]] = {tensor: [] for tensor in exits}
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
        """The operators of one band, and whole tensor -> band tensor; `rows` are (first row, number of rows)."""
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
        """Puts the bands in place of the region's first operator, or later, once all their inputs are computed."""
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
        """The factor by which the operator divides the number of rows; 0 if the operator cannot be cut.

        Row r of the result depends on `stride` rows starting at r * stride, or on one more row.
        """
        code, options = self._graph.code(operator), operator.builtinOptions
        if code == _CODE.ADD:
            return int(len({tuple(self._tensors[tensor].shape) for tensor in operator.inputs}) == 1)
        if code == _CODE.AVERAGE_POOL_2D:
            tiles = options.padding == schema.Padding.VALID and options.filterHeight == options.strideH
            return options.strideH if tiles else 0
        if self.is_convolution(operator):
            kernel = self._height(operator.inputs[1]), options.strideH
            # With an even number of rows there is no padding above the image.
            below = options.padding == schema.Padding.SAME and self._height(operator.inputs[0]) % 2 == 0
            fits = kernel == (1, 1) or (kernel == (3, 2) and options.dilationHFactor == 1 and below)
            return options.strideH if fits else 0
        return int(code in (_CODE.DEQUANTIZE, _CODE.RELU6))

    def _features(self, operator: schema.OperatorT) -> list[int]:
        """The input tensors that depend on the image."""
        return [tensor for tensor in operator.inputs if tensor in self._computed]

    def _height(self, tensor: int) -> int:
        return self._tensors[tensor].shape[_ROWS]

    def _bytes(self, tensor: int) -> int:
        return 4 * math.prod(self._tensors[tensor].shape)  # computed tensors are float32

    def _like(self, tensor: int, rows: int) -> int:
        """Adds a copy of a tensor with this number of rows; returns its index."""
        made = copy.copy(self._tensors[tensor])
        made.shape = [*made.shape[:_ROWS], rows, *made.shape[_ROWS + 1 :]]
        made.name = self._new_name().encode()
        index = self._graph.append(made)
        self._computed.add(index)
        return index

    def _new_name(self) -> str:
        return f"rows_{len(self._tensors)}"  # unique: OpenVINO identifies tensors by name

    def _constant(self, values: Iterable[int]) -> int:
        return self._graph.constant(values, self._new_name())

    def _slice(self, tensor: int, start: int, rows: int) -> schema.OperatorT:
        target = self._like(tensor, rows)
        begin, size = self._constant([0, start, 0, 0]), self._constant(self._tensors[target].shape)
        operator = self._graph.operator(_CODE.SLICE, [tensor, begin, size], target)
        operator.builtinOptionsType = schema.BuiltinOptions.SliceOptions
        operator.builtinOptions = schema.SliceOptionsT()
        return operator

    def _joined(self, parts: list[int], target: int) -> list[schema.OperatorT]:
        """Concatenates the parts along the rows into the tensor `target`, a few at a time."""
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
        operator = self._graph.operator(_CODE.CONCATENATION, parts, target)
        operator.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
        operator.builtinOptions = schema.ConcatenationOptionsT()
        operator.builtinOptions.axis = _ROWS
        return operator


def _read_from_outside(operators: list[schema.OperatorT]) -> set[int]:
    read = {tensor for operator in operators for tensor in operator.inputs}
    return read - {tensor for operator in operators for tensor in operator.outputs}
