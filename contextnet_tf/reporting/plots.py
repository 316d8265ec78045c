"""Results as plots: SVG that takes its colours from the page around it, and has its own without one; and PNG
where a picture stands alone.

Matplotlib is imported when the first plot is drawn, and only its object-oriented side: no window, no
global state, no change of the caller's settings.
"""

import dataclasses
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contextnet_tf.reporting import history as histories
from contextnet_tf.reporting import wording

Colour = tuple[int, int, int]

# Stand-ins that matplotlib writes into the SVG; each becomes a variable of the page's style sheet with
# a colour that serves where there is no such page.
_INK, _MUTED, _RULE, _ACCENT, _SECOND, _ON_ACCENT = (f"#0102{n:02x}" for n in range(6))
_VARIABLES = {
    _INK: "var(--ink, #1d2126)",
    _MUTED: "var(--muted, #666d75)",
    _RULE: "var(--rule, #dcdcd8)",
    _ACCENT: "var(--accent, #0f6b6e)",
    _SECOND: "var(--second, #b4571c)",
    _ON_ACCENT: "var(--on-accent, #ffffff)",
}
_PAPER = "#ffffff"  # of pictures that stand alone
_ON_PAPER = {"bbox": {"facecolor": _PAPER, "edgecolor": "none", "pad": 1}}  # text that lies over a line
_SETTINGS = {
    "svg.fonttype": "none",  # text stays text: it takes the page's type face and can be searched
    "svg.hashsalt": "contextnet_tf",  # the same results give the same bytes
    "font.family": ["sans-serif"],
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _MUTED,
    "xtick.color": _RULE,
    "ytick.color": _RULE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
}


def training_curves(history: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """SVG plots over the epochs by title: loss, learning rate, validation; only those with figures."""
    panels = {
        "Loss": _panel(history, {"loss": "total", "main_loss": "main head", "aux_loss": "auxiliary head"}),
        "Learning rate": _panel(history, {"learning_rate": "learning rate"}),
        "Validation": _panel(
            history, {"val_mean_iou": "mean IoU", "val_pixel_accuracy": "pixel accuracy"}, in_percent=True
        ),
    }
    return {title: svg for title, svg in panels.items() if svg is not None}


def class_bars(
    class_iou: Mapping[str, float | None],
    colours: Mapping[str, Colour],
    reference: Mapping[str, float] | None = None,
) -> bytes:
    """SVG bars of the IoU (0 to 1) of each class, best first, in the colours of the classes.

    `reference` puts a mark at another IoU (0 to 1) of a class. A class without IoU has a note for a bar.
    """
    names = sorted(class_iou, key=lambda name: -1.0 if _missing(class_iou[name]) else class_iou[name])
    reference = reference or {}

    def draw(figure) -> None:
        axes = figure.add_subplot()
        for row, name in enumerate(names):
            if _missing(class_iou[name]):
                axes.text(1, row, "does not occur", va="center", color=_MUTED, style="italic", size=9)
                continue
            value = 100 * class_iou[name]
            axes.barh(row, value, **_class_bar(colours.get(name)))
            mark = 100 * reference.get(name, 0)
            if name in reference:
                axes.plot([mark, mark], [row - 0.46, row + 0.46], color=_SECOND, linewidth=2)
            axes.text(max(value, mark) + 1.2, row, f"{value:.1f}", va="center", color=_INK, size=9)
        axes.set_xlim(0, 100)
        _finish_rows(axes, names, "IoU in %")

    return _drawn(draw, 4.9, 0.7 + 0.27 * len(names))


def class_frequencies(
    shares: Mapping[str, Mapping[str, float]], colours: Mapping[str, Colour]
) -> bytes:
    """SVG bars of the share of the pixels (0 to 1) that each class has, on a logarithmic axis, most frequent first.

    `shares` maps a split to the shares of its classes. The first split has bars in the colours of the classes,
    the others a mark each. A class that the first split has not, has a note for a bar.
    """
    (title, bars), *others = shares.items()
    names = sorted(bars, key=bars.get)
    positive = [value for split in shares.values() for value in split.values() if value > 0]
    least = 10.0 ** np.floor(np.log10(100 * min(positive, default=1.0)))  # in per cent: where the axis starts

    def draw(figure) -> None:
        axes = figure.add_subplot()
        for row, name in enumerate(names):
            values = [100 * split.get(name, 0.0) for _, split in others]
            if bars[name] > 0:
                axes.barh(row, 100 * bars[name] - least, left=least, **_class_bar(colours.get(name)))
            else:
                axes.text(1.1 * least, row, "does not occur", va="center", color=_MUTED, style="italic", size=9)
            for value, colour in zip(values, (_SECOND, _MUTED)):
                if value > 0:
                    axes.plot([value, value], [row - 0.46, row + 0.46], color=colour, linewidth=2)
            if bars[name] > 0:
                right = max(100 * bars[name], *values)
                axes.text(1.15 * right, row, f"{100 * bars[name]:.2g}", va="center", color=_INK, size=9)
        axes.set_xscale("log")
        axes.set_xlim(least, 200)
        ticks = [10.0**x for x in range(round(np.log10(least)), 3)]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        for (split, _), colour in zip(others, (_SECOND, _MUTED)):
            axes.plot([], [], color=colour, linewidth=2, label=f"{split} (mark)")
        if others:
            axes.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, handlelength=1.0)
        _finish_rows(axes, names, f"share of the pixels of {title} in %, logarithmic")

    return _drawn(draw, 5.6, 0.7 + 0.27 * len(names))


def confusion_heat_map(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> bytes:
    """SVG heat map of pixel counts int [C, C] by (true, predicted), each row in per cent of its sum.

    A class without a pixel has an empty row.
    """
    shares = row_shares(confusion)
    size = len(names)

    def draw(figure) -> None:
        axes = figure.add_subplot()
        for row, column in np.ndindex(size, size):
            share = shares[row, column]
            if not share >= 0.005:  # also nan
                continue
            # A square root lets small shares, the mistakes, be seen beside the diagonal.
            square = {"facecolor": (_ACCENT, float(np.sqrt(share))), "linewidth": 0}
            axes.add_patch(_rectangle(column - 0.47, row - 0.47, 0.94, 0.94, **square))
            colour = _ON_ACCENT if share > 0.4 else _INK
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour, size=7.5)
        axes.set_xlim(-0.5, size - 0.5)
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(size), names, rotation=55, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(size), names)
        axes.xaxis.tick_top()
        axes.set_xlabel("predicted")
        axes.xaxis.set_label_position("top")
        axes.set_ylabel("truth")
        axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
        axes.grid(which="minor")
        axes.tick_params(which="both", length=0)
        axes.tick_params(labelcolor=_INK, labelsize=9)
        axes.spines[:].set_visible(False)

    inches = 1.6 + 0.31 * size
    return _drawn(draw, inches, inches)


@dataclasses.dataclass(frozen=True)
class DotColumn:
    """A panel of `dot_columns`: its title, a value for each row (None: nothing to show), and reference marks."""

    title: str
    values: Sequence[float | None]
    marks: Sequence[float | None] = ()


def dot_columns(names: Sequence[str], columns: Sequence[DotColumn]) -> bytes:
    """PNG with a row for each name and, side by side, a logarithmic panel for each column of positive values.

    Marks stand at figures to compare with; a row without a value says that there is no bound.
    """

    def draw(figure) -> None:
        panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        for axes, column in zip(panels, columns, strict=True):
            known = [value for value in column.values if value is not None]
            axes.set_xscale("log")
            axes.set_xlim(min(known) / 1.6, max(known) * 4)
            for row, value in enumerate(column.values):
                axes.axhline(row, color=_solid(_RULE), linewidth=0.8)
                if value is None:
                    axes.text(0.98, row, "whole picture", transform=axes.get_yaxis_transform(), ha="right",
                              va="center", size=8.5, color=_solid(_MUTED), style="italic", **_ON_PAPER)  # fmt: skip
                    continue
                axes.plot(value, row, "o", color=_solid(_ACCENT), markersize=6)
                axes.annotate(f"{value:,.3g}" if value < 1e3 else f"{value:,.0f}", (value, row), (8, 0),
                              textcoords="offset points", va="center", size=8.5, **_ON_PAPER)  # fmt: skip
            for row, mark in enumerate(column.marks):
                if mark is not None:
                    axes.plot(mark, row, "|", color=_solid(_SECOND), markersize=15, markeredgewidth=2)
            title = column.title + (" (bar: the paper's)" if column.marks else "")
            axes.set_title(title, loc="left", size=10, color=_solid(_INK))
            axes.minorticks_off()
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.xaxis.set_major_formatter(lambda number, _: f"{number:,g}")
        panels[0].set_yticks(range(len(names)), names, color=_solid(_INK))
        panels[0].set_ylim(len(names) - 0.4, -0.6)

    return _drawn_solid(draw, 3.9 * len(columns), 0.9 + 0.3 * len(names))


def row_shares(confusion: Sequence[Sequence[int]]) -> np.ndarray:
    """Pixel counts int [C, C] by (true, predicted) -> shares of the row float64 [C, C], nan where empty."""
    counts = np.asarray(confusion, np.float64)
    sums = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, sums, out=np.full_like(counts, np.nan), where=sums > 0)


def _panel(
    history: Sequence[dict[str, Any]], titles: Mapping[str, str], in_percent: bool = False
) -> bytes | None:
    """One plot of the named figures of a history; None where it holds none of them."""
    curves = {title: histories.curve(history, name) for name, title in titles.items()}
    curves = {title: curve for title, curve in curves.items() if curve[0]}
    if not curves:
        return None
    factor = 100 if in_percent else 1

    def draw(figure) -> None:
        axes = figure.add_subplot()
        styles = ((_ACCENT, "-"), (_SECOND, "-"), (_MUTED, "-"))
        for (title, curve), (colour, line) in zip(curves.items(), styles):
            epochs, values = histories.binned(*curve)
            values = [factor * value for value in values]
            marker = "o" if len(epochs) <= 40 and in_percent or len(epochs) == 1 else None
            axes.plot(epochs, values, line, color=colour, label=title, marker=marker, markersize=3)
        if in_percent:
            epochs, values = next(iter(curves.values()))
            best = int(np.argmax(values))
            label = wording.percent(values[best])
            place = {"textcoords": "offset points", "xytext": (0, 7), "ha": "center", "size": 9}
            axes.annotate(label, (epochs[best], factor * values[best]), color=_ACCENT, **place)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0, top=100 if in_percent else None)
        axes.set_xlabel("epoch")
        axes.set_ylabel("%" if in_percent else "")
        axes.grid(axis="y")
        axes.tick_params(length=0, pad=6)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=9, loc="best", handlelength=1.4)

    return _drawn(draw, 3.9, 2.6)


def _drawn(draw, width: float, height: float) -> bytes:
    """SVG of the figure that `draw(figure)` fills; width and height in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        written = io.BytesIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = written.getvalue().decode("utf-8")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub("#0102[0-9a-f]{2}", lambda found: _VARIABLES[found[0]], svg).encode("utf-8")


def _class_bar(colour: Colour | None) -> dict[str, Any]:
    """How the bar of a class looks."""
    filling = tuple(part / 255 for part in colour or (15, 107, 110))
    # The outline keeps pale colours visible on white, and dark ones on black.
    return {"height": 0.68, "color": filling, "edgecolor": (_INK, 0.55), "linewidth": 0.7}


def _finish_rows(axes, names: Sequence[str], label: str) -> None:
    """One named row a class, and a grid to read values by."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.grid(axis="x")
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelcolor=_INK)
    axes.set_xlabel(label)


def _drawn_solid(draw, width: float, height: float) -> bytes:
    """PNG, on paper of its own, of the figure that `draw(figure)` fills; width and height in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    settings = {name: _solid(value) if isinstance(value, str) else value for name, value in _SETTINGS.items()}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor=_PAPER)
        draw(figure)
        written = io.BytesIO()
        figure.savefig(written, format="png", dpi=120, metadata={"Software": None})
    return written.getvalue()


def _solid(colour: str) -> str:
    """The colour that a stand-in has where no page gives it another; any other text as it is."""
    return _VARIABLES[colour].split()[-1].rstrip(")") if colour in _VARIABLES else colour


def _rectangle(x: float, y: float, width: float, height: float, **style):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, **style)


def _missing(value: float | None) -> bool:
    return value is None or value != value
