"""Differences from a reference, with their spread."""

import statistics
from collections.abc import Sequence

from contextnet_tf.plots.canvas import ACCENT, INK, MUTED, RULE, SECOND, drawn_solid, solid


def difference_dots(
    names: Sequence[str], differences: Sequence[Sequence[float]], marks: Sequence[float | None], title: str
) -> bytes:
    """PNG with a row for each name: its differences as pale dots, their mean as a dot, and the paper's as a bar.

    The line at zero is the reference.
    """

    def draw(figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=solid(MUTED), linewidth=1)
        for row, (found, mark) in enumerate(zip(differences, marks, strict=True)):
            axes.axhline(row, color=solid(RULE), linewidth=0.8)
            axes.plot(found, [row] * len(found), "o", color=solid(ACCENT), alpha=0.35, markersize=5)
            axes.plot(statistics.mean(found), row, "o", color=solid(ACCENT), markersize=8)
            if mark is not None:
                axes.plot(mark, row, "|", color=solid(SECOND), markersize=15, markeredgewidth=2)
        named = " (small dots: seeds" + ("; bar: the paper's)" if any(x is not None for x in marks) else ")")
        axes.set_title(title + named, loc="left", size=10, color=solid(INK))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_yticks(range(len(names)), names, color=solid(INK))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.xaxis.set_major_formatter(lambda number, _: f"{number:+g}" if number else "0")

    return drawn_solid(draw, 8, 1.1 + 0.32 * len(names))
