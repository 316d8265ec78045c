"""The plain operations that a network's plan is made of, on features [channels, height, width]."""

import dataclasses

import numpy as np

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
class TransposedConvolution:
    """A transposed convolution with bias; `kernel` is float32 [in, out, height, width].

    `cropping` is what falls away of the full result, as `Padding`; never negative.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strides: tuple[int, int]
    cropping: Padding


@dataclasses.dataclass(frozen=True)
class Normalize:
    """Batch normalization that no convolution could take in: each channel times `scale`, plus `offset`."""

    scale: np.ndarray
    offset: np.ndarray


@dataclasses.dataclass(frozen=True)
class Pool:
    """The averages, or the maxima, of windows; what is padded is no maximum, and averages pad nothing."""

    kind: str  # "average" or "maximum"
    size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding


@dataclasses.dataclass(frozen=True)
class PoolToParts:
    """The averages of parts, as many as `rows` has rows by as many as `columns` has.

    They are the weights of each part along an axis: float32 [parts, height] and [parts, width].
    """

    rows: np.ndarray
    columns: np.ndarray


@dataclasses.dataclass(frozen=True)
class PoolWithPlaces:
    """The maxima of 2 x 2 windows and where each stands, the first of equal ones: two values, see `Item`."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One of the values of an operation that gives several."""

    index: int


@dataclasses.dataclass(frozen=True)
class Unpool:
    """The features of the first input at the places of the second, of `PoolWithPlaces`; zeros elsewhere."""


@dataclasses.dataclass(frozen=True)
class Rectify:
    """0 for what is below, `upper` for what is above that; None: no upper bound."""

    upper: float | None


@dataclasses.dataclass(frozen=True)
class RectifyWithSlopes:
    """What is below 0 times the channel's slope: PReLU; `slopes` is float32 [channels]."""

    slopes: np.ndarray


@dataclasses.dataclass(frozen=True)
class Resize:
    """Bilinear interpolation with half-pixel centers to `size` (height, width)."""

    size: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class ZeroPad:
    """Zeros around the features, and `channels` of them before and behind."""

    padding: Padding
    channels: tuple[int, int] = (0, 0)


@dataclasses.dataclass(frozen=True)
class Add:
    """The sum of all inputs."""


@dataclasses.dataclass(frozen=True)
class Concatenate:
    """All inputs, one behind the other in the channels."""


Operation = (
    Convolution
    | TransposedConvolution
    | Normalize
    | Pool
    | PoolToParts
    | PoolWithPlaces
    | Item
    | Unpool
    | Rectify
    | RectifyWithSlopes
    | Resize
    | ZeroPad
    | Add
    | Concatenate
)


def mirrored(operation: Operation) -> Operation:
    """The same operation for features turned by 180 degrees."""
    match operation:
        case Convolution() | TransposedConvolution():
            operation = dataclasses.replace(operation, kernel=operation.kernel[..., ::-1, ::-1].copy())
    for field in ("padding", "cropping"):
        if hasattr(operation, field):
            top, bottom, left, right = getattr(operation, field)
            operation = dataclasses.replace(operation, **{field: (bottom, top, right, left)})
    return operation  # parts are laid out alike from either side
