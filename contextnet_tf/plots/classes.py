"""Bars by class: IoU and frequency."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contextnet_tf.plots.canvas import INK, MUTED, SECOND, drawn, legend, short

Color = tuple[int, int, int]


def class_bars(
    class_iou: Mapping[str, float | None],
    colors: Mapping[str, Color],
    reference: Mapping[str, float] | None = None,
) -> bytes:
    """SVG bars of the IoU (0 to 1) of each class, best first, in the colors of the classes.

    `reference` puts a mark at another IoU (0 to 1) of a class. A class without IoU has a note instead of a bar.
    """
    known = {name: value for name, value in class_iou.items() if value is not None and value == value}
    names = sorted(class_iou, key=lambda name: known.get(name, -1.0))
    reference = reference or {}

    def draw(figure) -> None:
        axes = figure.add_subplot()
        for row, name in enumerate(names):
            if name not in known:
                axes.text(1, row, "does not occur", va="center", color=MUTED, style="italic", size=9)
                continue
            value = 100 * known[name]
            axes.barh(row, value, **_class_bar(colors.get(name)))
            mark = 100 * reference.get(name, 0)
            if name in reference:
                axes.plot([mark, mark], [row - 0.46, row + 0.46], color=SECOND, linewidth=2)
            axes.text(max(value, mark) + 1.2, row, f"{value:.1f}", va="center", color=INK, size=9)
        axes.set_xlim(0, 100)
        _finish_rows(axes, names, "IoU in %")

    return drawn(draw, 4.9, 0.7 + 0.27 * len(names))


def class_frequencies(shares: Mapping[str, Mapping[str, float]], colors: Mapping[str, Color]) -> bytes:
    """SVG bars of the share of the pixels (0 to 1) that each class has, on a logarithmic axis, most frequent first.

    `shares` maps a split to the shares of its classes. The first split has bars in the colors of the classes,
    the others a mark each. A class that does not occur in the first split has a note instead of a bar.
    """
    (title, bars), *others = shares.items()
    names = sorted(bars, key=bars.__getitem__)
    positive = [value for split in shares.values() for value in split.values() if value > 0]
    least = 10.0 ** np.floor(np.log10(100 * min(positive, default=1.0)))  # in percent: where the axis starts

    def draw(figure) -> None:
        axes = figure.add_subplot()
        for row, name in enumerate(names):
            values = [100 * split.get(name, 0.0) for _, split in others]
            if bars[name] > 0:
                axes.barh(row, 100 * bars[name] - least, left=least, **_class_bar(colors.get(name)))
            else:
                axes.text(1.1 * least, row, "does not occur", va="center", color=MUTED, style="italic", size=9)
            for value, color in zip(values, (SECOND, MUTED), strict=False):
                if value > 0:
                    axes.plot([value, value], [row - 0.46, row + 0.46], color=color, linewidth=2)
            if bars[name] > 0:
                right = max([100 * bars[name], *values])
                axes.text(1.15 * right, row, f"{100 * bars[name]:.2g}", va="center", color=INK, size=9)
        axes.set_xscale("log")
        axes.set_xlim(least, 200)
        ticks = [10.0**x for x in range(round(np.log10(least)), 3)]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        marks: list[tuple[str, Any]] = []
        for (split, _), color in zip(others, (SECOND, MUTED), strict=False):
            marks += [(f"{split} (mark)", axes.plot([], [], color=color, linewidth=2)[0])]
        if others:
            legend(axes, marks, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, handlelength=1.0)
        _finish_rows(axes, names, f"share of the pixels of {title} in %, logarithmic")

    return drawn(draw, 5.6, 0.7 + 0.27 * len(names))


def _class_bar(color: Color | None) -> dict[str, Any]:
    """The style of a class's bar."""
    filling = tuple(part / 255 for part in color or (15, 107, 110))
    # The outline keeps pale colors visible on white, and dark ones on black.
    return {"height": 0.68, "color": filling, "edgecolor": (INK, 0.55), "linewidth": 0.7}


def _finish_rows(axes, names: Sequence[str], label: str) -> None:
    """One named row per class, and a grid to read values by."""
    axes.set_yticks(range(len(names)), list(map(short, names)))
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.grid(axis="x")
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xlabel(label)
