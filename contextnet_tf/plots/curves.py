"""Curves over the epochs of a training run."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contextnet_tf.plots.canvas import ACCENT, INK, MUTED, SECOND, drawn, drawn_solid, legend, short, solid
from contextnet_tf.runs import history as histories


def training_curves(history: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """SVG plots over the epochs by title: loss, learning rate, validation; only those with figures."""
    panels = {
        "Loss": _panel(history, histories.LOSSES),
        "Learning rate": _panel(history, {histories.LEARNING_RATE: "learning rate"}),
        "Validation": _panel(
            history, {histories.MEAN_IOU: "mean IoU", histories.PIXEL_ACCURACY: "pixel accuracy"}, in_percent=True
        ),
    }
    return {title: svg for title, svg in panels.items() if svg is not None}


def validation_curves(curves: Sequence[tuple[str, Sequence[float], Sequence[float]]]) -> bytes:
    """PNG of mean IoU over the epochs, of (name, epochs, figures from 0 to 1) each; the best one of each is named."""
    styles = [(color, line) for line in ("-", "--", ":") for color in (ACCENT, SECOND, INK)]

    def draw(figure) -> None:
        axes = figure.add_subplot()
        drawn_lines: list[tuple[str, Any]] = []
        for (name, epochs, figures), (color, line) in zip(curves, itertools.cycle(styles), strict=False):
            values, best = [100 * figure for figure in figures], int(np.argmax(figures))
            label = f"{short(name, 40)}: {values[best]:.1f} % at best"
            drawn_lines += [(label, axes.plot(epochs, values, line, color=solid(color), marker="o", markersize=3)[0])]
        axes.set_ylim(bottom=0)
        _finish(axes, "mean IoU on the validation split, %")
        legend(axes, drawn_lines, loc="lower right", handlelength=2)

    return drawn_solid(draw, 7.0, 4.0)


def _panel(history: Sequence[dict[str, Any]], titles: Mapping[str, str], in_percent: bool = False) -> bytes | None:
    """One plot of the named figures of a history; None where it holds none of them."""
    curves = {title: histories.curve(history, name) for name, title in titles.items()}
    curves = {title: curve for title, curve in curves.items() if curve[0]}
    if not curves:
        return None
    factor = 100 if in_percent else 1

    def draw(figure) -> None:
        axes = figure.add_subplot()
        styles = ((ACCENT, "-"), (SECOND, "-"), (MUTED, "-"))
        drawn_lines: list[tuple[str, Any]] = []
        for (title, curve), (color, line) in zip(curves.items(), styles, strict=False):
            epochs, values = histories.binned(*curve)
            values = [factor * value for value in values]
            marker = "o" if (len(epochs) <= 40 and in_percent) or len(epochs) == 1 else None
            drawn_lines += [(title, axes.plot(epochs, values, line, color=color, marker=marker, markersize=3)[0])]
        if in_percent:
            epochs, values = next(iter(curves.values()))
            best = int(np.argmax(values))
            label = f"{factor * values[best]:.1f}"
            place = {"textcoords": "offset points", "xytext": (0, 7), "ha": "center", "size": 9}
            axes.annotate(label, (epochs[best], factor * values[best]), color=ACCENT, **place)
        axes.set_ylim(bottom=0, top=100 if in_percent else None)
        _finish(axes, "%" if in_percent else "")
        if len(curves) > 1:
            legend(axes, drawn_lines, loc="best", handlelength=1.4)

    return drawn(draw, 3.9, 2.6)


def _finish(axes, label: str) -> None:
    """Epochs from 0 on along x, `label` along y."""
    axes.set_xlim(left=0)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.grid(axis="y")
    axes.tick_params(length=0, pad=6)
