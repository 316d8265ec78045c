"""A ContextNet as a value: Table 2 of the paper, and the variants of Table 4."""

import dataclasses
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any, Self

from contextnet_tf.errors import InputError

Row = tuple[str, int | None, int, int, int]

OPERATORS = ("conv3x3", "conv1x1", "bottleneck")
OUTPUT_STRIDE = 8  # of each branch: all work towards an eighth of their own input
DETAIL_LAYERS = 4  # section 2.2.2: "only consists of four layers"
MERGES = ("add", "concatenate")
FUSION_ORDERS = ("upsample first", "upsample last")
BRANCHES = ("all", "context", "detail")
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.-]*")  # what TensorFlow takes as the name of a scope
LARGEST_FACTOR = 16  # of widening; ours: eight times the widest network of the paper's pruning

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
    """The same rows with other output channels `c`, one for each row."""
    return tuple((operator, t, c, n, s) for (operator, t, _, n, s), c in zip(rows, channels, strict=True))


def shallow_strides(layers: int) -> tuple[int, ...]:
    """The strides of a shallow branch's layers: 2 three times, then 1.

    Section 2.2.2, of four layers: "The stride is 2 for all but the last layer, where it is 1."
    """
    return (2, 2, 2, *(1,) * (layers - 3))


@dataclasses.dataclass(frozen=True)
class ContextNetSpec:
    """One ContextNet: the size of its context branch's input, the channels of every part, and the options.

    Attributes:
      name: becomes the name of the model: letters, digits, '.', '_' and '-'.
      context_scale: the context branch sees the image at 1/context_scale of its height and width.
      context_rows: the context branch, rows `(operator, t, c, n, s)` as in Table 2.
      detail_channels: output channels of the four layers of the detail branch (section 2.2.2).
      half_channels: output channels of the layers, three or more, of a second shallow branch that sees the
        image at half its size (section 3.2.1, "Multiple Branches"); none without it.
      fusion_channels: output channels of each convolution in the fusion unit (Table 3).
      dropout_rate: share of the features dropped before the classifier in training. The paper says where
        (section 3.1) but not how much: 0.1 is our choice, the rate of PSPNet, whose auxiliary loss the paper adopts.
      pyramid_bins: n of each level of n x n parts whose averages are added to the context branch's output,
        without parameters (section 2.2.3 calls pyramid pooling beneficial); none in Table 2.
      asymmetric_kernel: k of the depth-wise k x 1 and 1 x k convolutions that replace the 3 x 3 one in the
        bottlenecks; None for 3 x 3. Section 2.2.3 compares down-sampling the input with these kernels at higher
        resolution, so this goes with a smaller context_scale.
      fusion_merge: "add" as in Table 3, or "concatenate", which section 2.2.2 names as the slower choice.
      fusion_order: "upsample first" as in Table 3: the context's features are upsampled, then convolved. Or
        "upsample last": convolved at their own resolution, with an undilated kernel and a fraction of the work, then
        upsampled.
      branches: "all" for ContextNet itself; "context" or "detail" for that branch with a classifier of its own, as
        section 3.2.1 trains them for the ensemble. The fields of what is then left out change nothing.

    Raises:
      InputError: a value no network can be built of.
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
        """The same network with every number of channels multiplied by `factor`.

        Rounded to multiples of 8, halves upwards, at least 8. The sequence of the paper's pruning
        (section 3.2.2) is `widened(2)`, `widened(1.5)`, `widened(1.25)`, `widened(1)`; the last is
        this spec itself.

        Raises:
          InputError: `factor` is not above 0, or above 16.
        """
        if not 0 < factor <= LARGEST_FACTOR:
            raise InputError(
                f"network {self.name!r}: cannot be widened by {factor}; take a factor above 0, up to {LARGEST_FACTOR}"
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
        """The spec as values that JSON knows."""
        fields = dataclasses.asdict(self)
        rows = [list(row) for row in self.context_rows]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()} | {
            "context_rows": rows
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The spec of what `to_json` gave; a field that is missing has its default.

        Raises:
          InputError: a field is unknown, or no network can be built of its value.
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


# The channels of cn14-500 and cn14-160 are our interpretation: the paper prints their exact numbers of parameters, not
# their channels. These tables, in multiples of 8 and in the form of Table 2, give 490,459 and 159,387 with 19 classes
# and folded batch normalization. The layers of cn124's branch at half size are our interpretation, too: with one more
# than in the detail branch, the network has the 0.93 million parameters of Table 4.
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
