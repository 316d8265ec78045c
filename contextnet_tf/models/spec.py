"""Specifications of ContextNets: Table 2 of the paper, and the variants of Table 4."""

import dataclasses
import numbers
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any, Self

from contextnet_tf.errors import InputError

Row = tuple[str, int | None, int, int, int]

OPERATORS = ("conv3x3", "conv1x1", "bottleneck")
OUTPUT_STRIDE = 8  # of each branch, relative to its own input
DETAIL_LAYERS = 4  # section 2.2.2: "only consists of four layers"
MERGES = ("add", "concatenate")
FUSION_ORDERS = ("upsample first", "upsample last")
BRANCHES = ("all", "context", "detail")
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.-]*")  # the names that TensorFlow accepts for scopes
LARGEST_FACTOR = 16  # for `widened`; our limit: eight times the widest network of the paper's pruning

# Table 2, the context branch: t expansion factor, c output channels, n repeats, s stride of the first
# repeat. The table says "Conv2d" without a kernel size: only a 1x1 convolution as its last row gives
# the 0.85 million parameters of Table 4.
TABLE_2: tuple[Row, ...] = (
    # operator,     t,    c,   n, s    output for a quarter of 1024 x 2048: 256 x 512 x 3
    ("conv3x3", None, 32, 1, 2),  # 128 x 256 x 32
    ("bottleneck", 1, 32, 1, 1),  # 128 x 256 x 32
    ("bottleneck", 6, 32, 1, 1),  # 128 x 256 x 32
    ("bottleneck", 6, 48, 3, 2),  # 64 x 128 x 48
    ("bottleneck", 6, 64, 3, 2),  # 32 x 64 x 64
    ("bottleneck", 6, 96, 2, 1),  # 32 x 64 x 96
    ("bottleneck", 6, 128, 2, 1),  # 32 x 64 x 128
    ("conv1x1", None, 128, 1, 1),  # 32 x 64 x 128
)


def with_channels(rows: tuple[Row, ...], channels: Iterable[int]) -> tuple[Row, ...]:
    """The rows with new output channels `c`, one value per row."""
    return tuple((operator, t, c, n, s) for (operator, t, _, n, s), c in zip(rows, channels, strict=True))


def shallow_strides(layers: int) -> tuple[int, ...]:
    """The strides of a shallow branch's layers: 2 three times, then 1.

    Section 2.2.2, on four layers: "The stride is 2 for all but the last layer, where it is 1."
    """
    return (2, 2, 2, *(1,) * (layers - 3))


@dataclasses.dataclass(frozen=True)
class ContextNetSpec:
    """The specification of a ContextNet: scale of the context branch, channels of every part, and options.

    Attributes:
      name: name of the model: letters, digits, '.', '_' and '-'.
      context_scale: the input of the context branch is the image at 1/context_scale of its height and width.
      context_rows: the context branch, rows `(operator, t, c, n, s)` as in Table 2.
      detail_channels: output channels of the four layers of the detail branch (section 2.2.2).
      half_channels: output channels of the layers, three or more, of a second shallow branch at half the image size
        (section 3.2.1, "Multiple Branches"); empty: no such branch.
      fusion_channels: output channels of each convolution in the fusion unit (Table 3).
      dropout_rate: dropout rate before the classifier. The paper states the place (section 3.1) but not the rate: 0.1
        is our choice, the rate of PSPNet, the source of the paper's auxiliary loss.
      pyramid_bins: n of each n x n pyramid pooling level added to the output of the context branch, without parameters
        (section 2.2.3 calls pyramid pooling beneficial); empty in Table 2.
      asymmetric_kernel: k of the depth-wise k x 1 and 1 x k convolutions that replace the 3 x 3 one in the
        bottlenecks; None: 3 x 3. Section 2.2.3 compares these kernels at higher resolution with down-sampling the
        input, so combine them with a smaller context_scale.
      fusion_merge: "add" as in Table 3, or "concatenate", the slower alternative named in section 2.2.2.
      fusion_order: "upsample first" as in Table 3: the context features are upsampled, then convolved. "upsample last":
        they are convolved at low resolution with an undilated kernel, at a fraction of the work, then upsampled.
      branches: "all" for ContextNet itself; "context" or "detail" for this branch alone with its own classifier, as
        trained for the ensemble in section 3.2.1. The fields of the other parts then have no effect.

    Raises:
      InputError: a value is invalid.
    """

    name: str
    context_scale: int
    context_rows: tuple[Row, ...] = TABLE_2
    detail_channels: tuple[int, ...] = (32, 64, 128, 128)
    half_channels: tuple[int, ...] = ()
    fusion_channels: int = 128
    dropout_rate: float = 0.1
    pyramid_bins: tuple[int, ...] = ()
    asymmetric_kernel: int | None = None
    fusion_merge: str = "add"
    fusion_order: str = "upsample first"
    branches: str = "all"

    def __post_init__(self) -> None:
        self._require(
            isinstance(self.name, str) and bool(_NAME.fullmatch(self.name)),
            "name",
            "a non-empty name of letters, digits, '.', '_' and '-'",
        )
        self._require(_is_count(self.context_scale), "context_scale", "a whole number, 1 or more")
        for row in self.context_rows:
            self._require_row(row)
        strides = 1
        for *_, stride in self.context_rows:
            strides *= stride
        self._require(strides == OUTPUT_STRIDE, "context_rows", f"strides whose product is {OUTPUT_STRIDE}")
        self._require(
            len(self.detail_channels) == DETAIL_LAYERS and all(map(_is_count, self.detail_channels)),
            "detail_channels",
            f"{DETAIL_LAYERS} whole numbers, 1 or more",
        )
        self._require(
            len(self.half_channels) not in (1, 2) and all(map(_is_count, self.half_channels)),
            "half_channels",
            "three whole numbers or more, each 1 or more, or none",
        )
        if self.half_channels:
            self._require(
                self.context_scale % 2 == 0, "context_scale", "an even number where there is a branch at half size"
            )
        self._require(_is_count(self.fusion_channels), "fusion_channels", "a whole number, 1 or more")
        self._require(0 <= self.dropout_rate < 1, "dropout_rate", "a rate from 0 to below 1")
        self._require(all(map(_is_count, self.pyramid_bins)), "pyramid_bins", "whole numbers, 1 or more, or none")
        self._require(
            self.asymmetric_kernel is None
            or (_is_count(self.asymmetric_kernel) and self.asymmetric_kernel in range(3, 100, 2)),
            "asymmetric_kernel",
            "an odd whole number, 3 or more, or None",
        )
        self._require(self.fusion_merge in MERGES, "fusion_merge", " or ".join(MERGES))
        self._require(self.fusion_order in FUSION_ORDERS, "fusion_order", " or ".join(FUSION_ORDERS))
        self._require(self.branches in BRANCHES, "branches", " or ".join(BRANCHES))

    def _require_row(self, row: Row) -> None:
        self._require(
            len(row) == 5 and row[0] in OPERATORS,
            "context_rows",
            f"rows (operator, t, c, n, s) with an operator of {', '.join(OPERATORS)}",
            row,
        )
        operator, expansion, *counts = row
        self._require(all(map(_is_count, counts)), "context_rows", "c, n and s that are 1 or more", row)
        self._require(
            _is_count(expansion) if operator == "bottleneck" else expansion is None,
            "context_rows",
            "an expansion factor t of 1 or more for a bottleneck, None for a convolution",
            row,
        )

    def _require(self, condition: bool, field: str, right: str, value: object = None) -> None:
        if not condition:
            value = getattr(self, field) if value is None else value
            raise InputError(f"network {self.name!r}: {field} = {value!r}; it takes {right}")

    def widened(self, factor: float) -> "ContextNetSpec":
        """The same network with all channel counts multiplied by `factor`.

        Counts are rounded to multiples of 8, halves upwards, at least 8. The paper's pruning sequence (section 3.2.2)
        is `widened(2)`, `widened(1.5)`, `widened(1.25)`, `widened(1)`; the last is this spec itself.

        Raises:
          InputError: `factor` is not above 0, or above 16.
        """
        if not isinstance(factor, numbers.Real) or not 0 < factor <= LARGEST_FACTOR:
            raise InputError(
                f"network {self.name!r}: cannot be widened by {factor}; use a factor above 0, up to {LARGEST_FACTOR}"
            )
        if factor == 1:
            return self
        return dataclasses.replace(
            self,
            name=f"{self.name}x{factor:g}",
            context_rows=with_channels(self.context_rows, (_scaled(c, factor) for _, _, c, _, _ in self.context_rows)),
            detail_channels=tuple(_scaled(c, factor) for c in self.detail_channels),
            half_channels=tuple(_scaled(c, factor) for c in self.half_channels),
            fusion_channels=_scaled(self.fusion_channels, factor),
        )

    def to_json(self) -> dict[str, Any]:
        """The spec as JSON-serializable values."""
        fields = dataclasses.asdict(self)
        rows = [list(row) for row in self.context_rows]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()} | {
            "context_rows": rows
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The spec from the values of `to_json`; missing fields have their defaults.

        Raises:
          InputError: a field is unknown or its value is invalid.
        """
        unknown = fields.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise InputError(f"network {fields.get('name')!r}: has unknown fields: {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        if "context_rows" in values:
            values["context_rows"] = tuple(map(tuple, values["context_rows"]))
        return cls(**values)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _scaled(channels: int, factor: float) -> int:
    return max(8, int(channels * factor / 8 + 0.5) * 8)


# The channels of cn14-500 and cn14-160 are our interpretation: the paper prints the exact parameter counts, not the
# channels. These tables, in multiples of 8 and in the form of Table 2, give 490,459 and 159,387 parameters with 19
# classes and folded batch normalization. The layers of cn124's half-size branch are our interpretation, too: with one
# layer more than the detail branch, the network has the 0.93 million parameters of Table 4.
VARIANTS: types.MappingProxyType[str, ContextNetSpec] = types.MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ContextNetSpec("cn18", context_scale=8),
            ContextNetSpec("cn14", context_scale=4),
            ContextNetSpec("cn12", context_scale=2),
            ContextNetSpec("cn124", context_scale=4, half_channels=(32, 64, 128, 128, 128)),
            ContextNetSpec(
                "cn14-500",
                context_scale=4,
                context_rows=with_channels(TABLE_2, (32, 32, 32, 48, 56, 64, 80, 80)),
                detail_channels=(32, 64, 80, 80),
                fusion_channels=80,
            ),
            ContextNetSpec(
                "cn14-160",
                context_scale=4,
                context_rows=with_channels(TABLE_2, (32, 16, 16, 16, 24, 24, 48, 48)),
                detail_channels=(32, 64, 128, 128),
                fusion_channels=128,
            ),
        )
    }
)
