"""The confusion matrix as a heat map, for the report and for TensorBoard."""

from collections.abc import Callable, Sequence

import numpy as np

from contextnet_tf.plots.canvas import ACCENT, INK, ON_ACCENT, drawn, drawn_solid, rectangle, short, solid


def confusion_heat_map(confusion: Sequence[Sequence[int]] | np.ndarray, names: Sequence[str]) -> bytes:
    """SVG heat map of pixel counts int [C, C] by (true, predicted), each row in percent of its sum.

    A class without a pixel has an empty row.
    """
    return drawn(*_heat_map(confusion, names, str))


def confusion_image(confusion: Sequence[Sequence[int]] | np.ndarray, names: Sequence[str]) -> bytes:
    """PNG of the same heat map with its own colors, for TensorBoard."""
    return drawn_solid(*_heat_map(confusion, names, solid))


def _heat_map(confusion, names: Sequence[str], color: Callable[[str], str]) -> tuple[Callable, float, float]:
    """The function that draws the heat map in the colors `color(placeholder)`, and its width and height in inches."""
    shares = row_shares(confusion)
    size, shown = len(names), list(map(short, names))

    def draw(figure) -> None:
        axes = figure.add_subplot()
        for row, column in np.ndindex(size, size):
            share = shares[row, column]
            if not share >= 0.005:  # also nan
                continue
            # A square root lets small shares, the mistakes, be seen beside the diagonal.
            square = {"facecolor": (color(ACCENT), float(np.sqrt(share))), "linewidth": 0}
            axes.add_patch(rectangle(column - 0.47, row - 0.47, 0.94, 0.94, **square))
            ink = color(ON_ACCENT if share > 0.4 else INK)
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=ink, size=7.5)
        axes.set_xlim(-0.5, size - 0.5)
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(size), shown, rotation=55, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(size), shown)
        axes.xaxis.tick_top()
        axes.set_xlabel("predicted")
        axes.xaxis.set_label_position("top")
        axes.set_ylabel("ground truth")
        axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
        axes.grid(which="minor")
        axes.tick_params(which="both", length=0)
        axes.tick_params(labelcolor=color(INK), labelsize=9)
        axes.spines[:].set_visible(False)

    # Room for names of up to 14 letters is in 1.6 inches.
    inches = 1.6 + 0.31 * size + 0.14 * max(0, max(map(len, shown)) - 14)
    return draw, inches, inches


def row_shares(confusion: Sequence[Sequence[int]] | np.ndarray) -> np.ndarray:
    """Pixel counts int [C, C] by (true, predicted) -> shares of the row float64 [C, C], nan where empty."""
    counts = np.asarray(confusion, np.float64)
    sums = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, sums, out=np.full_like(counts, np.nan), where=sums > 0)
