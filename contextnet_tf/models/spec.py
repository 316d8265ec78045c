"""What a ContextNet is made of, as values: Table 2 of the paper, and its variants (Table 4)."""

import dataclasses
import types
from collections.abc import Iterable

from contextnet_tf.errors import InputError

Row = tuple[str, int | None, int, int, int]

OPERATORS = ("conv3x3", "conv1x1", "bottleneck")
OUTPUT_STRIDE = 8  # of each branch: both work towards an eighth of their own input
DETAIL_STRIDES = (2, 2, 2, 1)  # section 2.2.2: "The stride is 2 for all but the last layer"

# Table 2, the context branch: t expansion factor, c output channels, n repeats, s stride of the first
# repeat. The table says "Conv2d" without a kernel size: only a 1x1 convolution as its last row gives
# the 0.85 million parameters of Table 4.
TABLE_2: tuple[Row, ...] = (
    # operator,     t,    c,   n, s    output for a quarter of 1024 x 2048: 256 x 512 x 3
    ("conv3x3",    None,  32,  1, 2),  # 128 x 256 x 32
    ("bottleneck",    1,  32,  1, 1),  # 128 x 256 x 32
    ("bottleneck",    6,  32,  1, 1),  # 128 x 256 x 32
    ("bottleneck",    6,  48,  3, 2),  # 64 x 128 x 48
    ("bottleneck",    6,  64,  3, 2),  # 32 x 64 x 64
    ("bottleneck",    6,  96,  2, 1),  # 32 x 64 x 96
    ("bottleneck",    6, 128,  2, 1),  # 32 x 64 x 128
    ("conv1x1",    None, 128,  1, 1),  # 32 x 64 x 128
)


def with_channels(rows: tuple[Row, ...], channels: Iterable[int]) -> tuple[Row, ...]:
    """The same rows with other output channels `c`, one for each row."""
    return tuple((operator, t, c, n, s) for (operator, t, _, n, s), c in zip(rows, channels, strict=True))


@dataclasses.dataclass(frozen=True)
class ContextNetSpec:
    """One ContextNet: the size of its context branch's input, and the channels of every part.

    Attributes:
      name: becomes the name of the model.
      context_scale: the context branch sees the picture at 1/context_scale of its height and width.
      context_rows: the context branch, rows `(operator, t, c, n, s)` as in Table 2.
      detail_channels: output channels of the four layers of the detail branch (section 2.2.2).
      fusion_channels: output channels of the fusion unit (Table 3).
      dropout_rate: share of the features dropped before the classifier while training. The paper says
        where (section 3.1) but not how much: 0.1 is ours, the rate of PSPNet, whose auxiliary loss the
        paper takes over too.

    Raises:
      InputError: a value no network can be built of.
    """

    name: str
    context_scale: int
    context_rows: tuple[Row, ...] = TABLE_2
    detail_channels: tuple[int, ...] = (32, 64, 128, 128)
    fusion_channels: int = 128
    dropout_rate: float = 0.1

    def __post_init__(self) -> None:
        self._require(bool(self.name), "name", "a non-empty name")
        self._require(_is_count(self.context_scale), "context_scale", "a whole number, 1 or more")
        for row in self.context_rows:
            self._require_row(row)
        strides = 1
        for *_, stride in self.context_rows:
            strides *= stride
        self._require(strides == OUTPUT_STRIDE, "context_rows", f"strides whose product is {OUTPUT_STRIDE}")
        self._require(
            len(self.detail_channels) == len(DETAIL_STRIDES) and all(map(_is_count, self.detail_channels)),
            "detail_channels",
            f"{len(DETAIL_STRIDES)} whole numbers, 1 or more",
        )
        self._require(_is_count(self.fusion_channels), "fusion_channels", "a whole number, 1 or more")
        self._require(0 <= self.dropout_rate < 1, "dropout_rate", "a rate from 0 to below 1")

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
          InputError: `factor` is not positive.
        """
        if not factor > 0:
            raise InputError(f"network {self.name!r}: cannot be widened by {factor}; take a factor above 0")
        if factor == 1:
            return self
        return dataclasses.replace(
            self,
            name=f"{self.name}x{factor:g}",
            context_rows=with_channels(
                self.context_rows, (_scaled(c, factor) for _, _, c, _, _ in self.context_rows)
            ),
            detail_channels=tuple(_scaled(c, factor) for c in self.detail_channels),
            fusion_channels=_scaled(self.fusion_channels, factor),
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _scaled(channels: int, factor: float) -> int:
    return max(8, int(channels * factor / 8 + 0.5) * 8)


# The channels of cn14-500 and cn14-160 are a reading: the paper prints their exact numbers of parameters,
# not how they were made. Of the tables in multiples of 8 that keep Table 2's form, these give 490,459
# and 159,387 with 19 classes and batch normalization folded.
VARIANTS: types.MappingProxyType[str, ContextNetSpec] = types.MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ContextNetSpec("cn18", context_scale=8),
            ContextNetSpec("cn14", context_scale=4),
            ContextNetSpec("cn12", context_scale=2),
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
