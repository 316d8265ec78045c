"""The operations that a portable graph is made of, on features float32 [B, C, H, W]."""

import dataclasses
from typing import Any

import numpy as np

# Rows and columns to add at the top, bottom, left and right; negative where the windows leave some over.
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

    `cropping` is how much to cut off the full result, as `Padding`; never negative.
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
    """Batch normalization in training; all arrays are float32 [C]. The moving statistics keep `momentum` of a step."""

    scale: np.ndarray
    offset: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    momentum: float


@dataclasses.dataclass(frozen=True)
class Dropout:
    """Dropout in training: sets the share `rate` of the features to zero and scales the others up."""

    rate: float


@dataclasses.dataclass(frozen=True)
class Pool:
    """Average or max pooling. Padding counts as minus infinity in max pooling; average pooling has none."""

    kind: str  # "average" or "maximum"
    size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding


@dataclasses.dataclass(frozen=True)
class AdaptiveAveragePool:
    """Averages over parts of the features: `rows` @ features @ `columns`^T.

    `rows` is float32 [parts, height] and `columns` float32 [parts, width]: the weights of each part along an axis.
    """

    rows: np.ndarray
    columns: np.ndarray


@dataclasses.dataclass(frozen=True)
class PoolWithIndices:
    """2 x 2 max pooling with the index of each maximum, the first of equal ones: two values, see `Item`."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One of the values of an operation that has several."""

    index: int


@dataclasses.dataclass(frozen=True)
class Unpool:
    """Puts the features of the first input at the indices of the second, of `PoolWithIndices`; zeros elsewhere."""


@dataclasses.dataclass(frozen=True)
class ReLU:
    """Clips to at least 0 and at most `upper`; None: no upper bound."""

    upper: float | None


@dataclasses.dataclass(frozen=True)
class PReLU:
    """Multiplies negative features by the slope of their channel; `slopes` is float32 [C]."""

    slopes: np.ndarray


@dataclasses.dataclass(frozen=True)
class Resize:
    """Bilinear interpolation with half-pixel centers to `size` (height, width)."""

    size: tuple[int, int]


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
    return operation  # the parts of adaptive pooling are symmetric
