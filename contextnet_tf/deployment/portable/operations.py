"""The operations of a portable graph, on features float32 [B, C, H, W]."""

import dataclasses
from typing import Any

import numpy as np

# Rows and columns to add at the top, bottom, left and right; negative if the windows do not cover all.
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
class TransposedConvolution:
    """A transposed convolution with bias; `kernel` is float32 [in, out, height, width].

    `cropping` is the number of rows and columns to crop from the full result, as in `Padding`; never negative.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strides: tuple[int, int]
    cropping: Padding


@dataclasses.dataclass(frozen=True)
class Normalize:
    """Batch normalization at inference that cannot be folded: each channel times `scale`, plus `offset`."""

    scale: np.ndarray
    offset: np.ndarray


@dataclasses.dataclass(frozen=True)
class BatchNorm:
    """Batch normalization in training; all arrays are float32 [C]. `momentum` is the decay of the moving statistics."""

    scale: np.ndarray
    offset: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    momentum: float


@dataclasses.dataclass(frozen=True)
class Dropout:
    """Dropout in training: zeroes the fraction `rate` of the features and scales the rest up."""

    rate: float


@dataclasses.dataclass(frozen=True)
class ChannelDropout:
    """Dropout of whole channels in training: zeroes the fraction `rate` of the channels and scales the rest up."""

    rate: float


@dataclasses.dataclass(frozen=True)
class Pool:
    """Average or max pooling. Max pooling pads with minus infinity; average pooling has no padding."""

    kind: str  # "average" or "maximum"
    size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding


@dataclasses.dataclass(frozen=True)
class AdaptiveAveragePool:
    """Averages the features over a grid of bins: `rows` @ features @ `columns`^T.

    `rows` is float32 [bins, height] and `columns` float32 [bins, width]: the weights of each bin along an axis.
    """

    rows: np.ndarray
    columns: np.ndarray


@dataclasses.dataclass(frozen=True)
class PoolWithIndices:
    """2 x 2 max pooling. Returns two values (see `Item`): the maxima and their indices, the first of equal ones."""


@dataclasses.dataclass(frozen=True)
class Item:
    """Selects one value of an operation with several values."""

    index: int


@dataclasses.dataclass(frozen=True)
class Unpool:
    """Max unpooling: puts the first input's features at the indices from `PoolWithIndices`; zeros elsewhere."""


@dataclasses.dataclass(frozen=True)
class ReLU:
    """Clips to the range 0 to `upper`; None: no upper bound."""

    upper: float | None


@dataclasses.dataclass(frozen=True)
class PReLU:
    """Multiplies negative features by the slope of their channel; `slopes` is float32 [C]."""

    slopes: np.ndarray


@dataclasses.dataclass(frozen=True)
class Resize:
    """Bilinear interpolation with half-pixel centers to `size` (height, width).

    `factors` is the size over the size of the input; None if one of the two quotients is not whole.
    """

    size: tuple[int, int]
    factors: tuple[int, int] | None = dataclasses.field(default=None, compare=False)  # follows from the sizes


@dataclasses.dataclass(frozen=True)
class ZeroPad:
    """Adds zeros around the features, and `channels` zero channels before and behind."""

    padding: Padding
    channels: tuple[int, int] = (0, 0)


@dataclasses.dataclass(frozen=True)
class Add:
    """The sum of all inputs."""


@dataclasses.dataclass(frozen=True)
class Concatenate:
    """All inputs, concatenated along the channels."""


Operation = (
    Convolution
    | TransposedConvolution
    | Normalize
    | BatchNorm
    | Dropout
    | ChannelDropout
    | Pool
    | AdaptiveAveragePool
    | PoolWithIndices
    | Item
    | Unpool
    | ReLU
    | PReLU
    | Resize
    | ZeroPad
    | Add
    | Concatenate
)


def mirrored(operation: Operation) -> Operation:
    """The same operation for features rotated by 180 degrees."""
    match operation:
        case Convolution() | TransposedConvolution():
            operation = dataclasses.replace(operation, kernel=operation.kernel[..., ::-1, ::-1].copy())
    for field in ("padding", "cropping"):
        if hasattr(operation, field):
            top, bottom, left, right = getattr(operation, field)
            turned: Any = {field: (bottom, top, right, left)}
            operation = dataclasses.replace(operation, **turned)
    return operation  # the bins of adaptive pooling are symmetric
