"""A portable graph as a PyTorch module, for the PyTorch runtime and the training baseline.

The module imports neither Keras nor TensorFlow: PyTorch's optimizers crash in a process that has loaded TensorFlow.
"""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from contextnet_tf.deployment.portable import operations as ops
from contextnet_tf.deployment.portable.graph import PortableGraph


class TorchNetwork(nn.Module):
    """The steps of a graph: float32 [B, 3, H, W] in 0 to 1 -> {output name: logits float32 [B, C, H, W]}.

    Attributes:
      operations: the module of each step.
    """

    def __init__(self, graph: PortableGraph):
        """Builds a module for each step, with the weights of the graph."""
        super().__init__()
        self._steps, self._outputs = graph.steps, graph.outputs
        # Activations are computed in place if no other step reads their input, as is usual in PyTorch.
        self.operations = nn.ModuleList(
            _module(step.operation, in_place=step.last_used == step.inputs != (0,)) for step in graph.steps
        )

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """See the class."""
        values = {0: image}
        for number, (step, operation) in enumerate(zip(self._steps, self.operations, strict=True), start=1):
            inputs = [values[index] for index in step.inputs]
            for index in step.last_used:
                del values[index]
            values[number] = operation(*inputs)
        return {name: values[number] for name, number in self._outputs.items()}


class _Add(nn.Module):
    def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        for other in others:
            first = first + other
        return first


class _Item(nn.Module):
    def __init__(self, index: int):
        super().__init__()
        self._index = index

    def forward(self, values: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return values[self._index]


class _Concatenate(nn.Module):
    def forward(self, *features: torch.Tensor) -> torch.Tensor:
        return torch.cat(features, dim=1)


def _module(operation: ops.Operation, in_place: bool) -> nn.Module:
    match operation:
        case ops.Convolution():
            return _convolution(operation)
        case ops.TransposedConvolution():
            return _transposed_convolution(operation)
        case ops.Normalize(scale, offset):
            return _with_weights(nn.BatchNorm2d(len(scale), eps=0.0), scale, offset).eval()
        case ops.BatchNorm():
            return _batch_norm(operation)
        case ops.Dropout(rate):
            return nn.Dropout(rate)
        case ops.ChannelDropout(rate):
            return nn.Dropout2d(rate)
        case ops.Pool("average", size, strides, padding):
            return _padded(padding, strides, functools.partial(nn.AvgPool2d, size, strides))
        case ops.Pool("maximum", size, strides, padding):
            return _padded(padding, strides, functools.partial(nn.MaxPool2d, size, strides), float("-inf"))
        case ops.AdaptiveAveragePool(rows, columns):
            return nn.AdaptiveAvgPool2d((len(rows), len(columns)))
        case ops.PoolWithIndices():
            return nn.MaxPool2d(2, return_indices=True)
        case ops.Item(index):
            return _Item(index)
        case ops.Unpool():
            return nn.MaxUnpool2d(2)
        case ops.ReLU(None):
            return nn.ReLU(inplace=in_place)
        case ops.ReLU(upper):
            return nn.Hardtanh(0.0, upper, inplace=in_place)
        case ops.PReLU(slopes):
            return _with_weights(nn.PReLU(len(slopes)), slopes)
        case ops.Resize(size):
            return nn.Upsample(size=size, mode="bilinear", align_corners=False)
        case ops.ZeroPad((top, bottom, left, right), channels):
            return nn.ZeroPad3d((left, right, top, bottom, *channels))  # channels take the place of depth
        case ops.Add():
            return _Add()
        case ops.Concatenate():
            return _Concatenate()


def _batch_norm(operation: ops.BatchNorm) -> nn.Module:
    # PyTorch's momentum is the share of the new statistics.
    module = nn.BatchNorm2d(len(operation.scale), eps=operation.epsilon, momentum=1 - operation.momentum)
    module.running_mean.copy_(torch.from_numpy(operation.mean))
    module.running_var.copy_(torch.from_numpy(operation.variance))
    return _with_weights(module, operation.scale, operation.offset)


def _convolution(operation: ops.Convolution) -> nn.Module:
    outputs, inputs, *size = operation.kernel.shape

    def convolution(padding: tuple[int, int]) -> nn.Module:
        module = nn.Conv2d(
            inputs * operation.groups,
            outputs,
            size,
            stride=operation.strides,
            padding=padding,
            dilation=operation.dilation,
            groups=operation.groups,
        )
        return _with_weights(module, operation.kernel, operation.bias)

    return _padded(operation.padding, operation.strides, convolution)


def _transposed_convolution(operation: ops.TransposedConvolution) -> nn.Module:
    """PyTorch's layer crops both sides equally and can pad the end; other crops need a separate layer."""
    inputs, outputs, *size = operation.kernel.shape
    top, bottom, left, right = operation.cropping
    strides = operation.strides
    inside = 0 <= top - bottom < strides[0] and 0 <= left - right < strides[1]
    module = nn.ConvTranspose2d(
        inputs,
        outputs,
        size,
        stride=strides,
        padding=(top, left) if inside else 0,
        output_padding=(top - bottom, left - right) if inside else 0,
    )
    module = _with_weights(module, operation.kernel, operation.bias)
    return module if inside else nn.Sequential(module, nn.ZeroPad2d((-left, -right, -top, -bottom)))


def _with_weights(module: nn.Module, weight: np.ndarray, bias: np.ndarray | None = None) -> nn.Module:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(weight.copy()))
        if bias is not None:
            module.bias.copy_(torch.from_numpy(bias.copy()))
    return module


def _padded(
    padding: ops.Padding, strides: tuple[int, int], build: Callable[..., nn.Module], value: float = 0.0
) -> nn.Module:
    """`build(padding=...)`, preceded by a separate padding layer if PyTorch's own padding does not fit.

    PyTorch pads both sides equally. Excess padding at the end of less than a stride adds no window.
    """
    top, bottom, left, right = padding
    if top >= 0 <= left and 0 <= top - bottom < strides[0] and 0 <= left - right < strides[1]:
        return build(padding=(top, left))
    return nn.Sequential(nn.ConstantPad2d((left, right, top, bottom), value), build(padding=(0, 0)))
