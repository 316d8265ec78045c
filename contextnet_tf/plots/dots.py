"""Networks side by side."""

import dataclasses
from collections.abc import Sequence

from contextnet_tf.plots.canvas import ACCENT, INK, MUTED, ON_PAPER, RULE, SECOND, drawn_solid, short, solid


@dataclasses.dataclass(frozen=True)
class DotColumn:
    """A panel of `dot_columns`: its title, a value for each row (None: nothing to show), and reference marks."""

    title: str
    values: Sequence[float | None]
    marks: Sequence[float | None] = ()


def dot_columns(names: Sequence[str], columns: Sequence[DotColumn]) -> bytes:
    """PNG with a row for each name and, side by side, a logarithmic panel for each column of positive values.

    Marks are figures to compare with; a row without a value is labeled as unbounded.
    """

    def draw(figure) -> None:
        panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        for axes, column in zip(panels, columns, strict=True):
            known = [value for value in column.values if value is not None]
            axes.set_xscale("log")
            axes.set_xlim(min(known) / 1.6, max(known) * 4)
            for row, value in enumerate(column.values):
                axes.axhline(row, color=solid(RULE), linewidth=0.8)
                if value is None:
                    axes.text(0.98, row, "whole image", transform=axes.get_yaxis_transform(), ha="right",
                              va="center", size=8.5, color=solid(MUTED), style="italic", **ON_PAPER)  # fmt: skip
                    continue
                axes.plot(value, row, "o", color=solid(ACCENT), markersize=6)
                axes.annotate(f"{value:,.3g}" if value < 1e3 else f"{value:,.0f}", (value, row), (8, 0),
                              textcoords="offset points", va="center", size=8.5, **ON_PAPER)  # fmt: skip
            for row, mark in enumerate(column.marks):
                if mark is not None:
                    axes.plot(mark, row, "|", color=solid(SECOND), markersize=15, markeredgewidth=2)
            title = column.title + (" (bar: the paper's)" if column.marks else "")
            axes.set_title(title, loc="left", size=10, color=solid(INK))
            axes.minorticks_off()
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.xaxis.set_major_formatter(lambda number, _: f"{number:,g}")
        panels[0].set_yticks(range(len(names)), list(map(short, names)), color=solid(INK))
        panels[0].set_ylim(len(names) - 0.4, -0.6)

    return drawn_solid(draw, 3.9 * len(columns), 0.9 + 0.3 * len(names))


def reference_dots(names: Sequence[str], values: Sequence[float], labels: Sequence[str], title: str) -> bytes:
    """PNG with a row for each name: its value in % as a dot on a linear axis, and its label at the right edge.

    A vertical line marks the first value, the reference; a bar leads from it to each other dot.
    """

    def draw(figure) -> None:
        axes = figure.subplots()
        reference = values[0]
        axes.axvline(reference, color=solid(MUTED), linewidth=1)
        for row, (value, label) in enumerate(zip(values, labels, strict=True)):
            axes.axhline(row, color=solid(RULE), linewidth=0.8)
            axes.plot([reference, value], [row, row], color=solid(ACCENT), linewidth=3, alpha=0.5,
                      solid_capstyle="butt")  # fmt: skip
            axes.plot(value, row, "o", color=solid(ACCENT), markersize=8)
            axes.annotate(label, (1, row), (8, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                          va="center", size=9, color=solid(INK), annotation_clip=False)  # fmt: skip
        # At least a point on either side: differences of hundredths should look small.
        margin = max(1.0, 0.06 * (max(values) - min(values)))
        axes.set_xlim(min(values) - margin, max(values) + margin)
        axes.set_title(title, loc="left", size=10, color=solid(INK))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_yticks(range(len(names)), list(map(short, names)), color=solid(INK))
        axes.set_ylim(len(names) - 0.4, -0.6)

    return drawn_solid(draw, 8, 1.1 + 0.32 * len(names))
