"""Images in rows and columns, with a title above each column and the classes' colors below."""

import math
from collections.abc import Collection, Sequence

import numpy as np

from contextnet_tf.plots import canvas

Panel = tuple[np.ndarray, str]  # image uint8 [H, W, 3] RGB, and the line below it
_PANEL_WIDTH = 3.2  # inches
_LEGEND_COLUMNS = 8


def label_panels(
    titles: Sequence[str],
    rows: Sequence[Sequence[Panel]],
    classes: Sequence[tuple[str, tuple[int, int, int]]],
    photographs: Collection[int] = (0,),
) -> bytes:
    """PNG: a grid of images of any sizes, `titles` above the columns, and a legend of `classes` (name, RGB).

    Only the columns numbered in `photographs` are antialiased: mixed colors in an image of labels would be those of
    other classes or of none.
    """
    heights = [_PANEL_WIDTH * row[0][0].shape[0] / row[0][0].shape[1] + 0.3 for row in rows]
    legend_height = 0.35 * math.ceil(len(classes) / _LEGEND_COLUMNS)

    def draw(figure) -> None:
        grid = figure.add_gridspec(len(rows) + 1, len(titles), height_ratios=[*heights, max(legend_height, 0.05)])
        for number, row in enumerate(rows):
            for column, (image, caption) in enumerate(row):
                axes = figure.add_subplot(grid[number, column])
                axes.imshow(image, interpolation="antialiased" if column in photographs else "nearest")
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
                axes.set_xlabel(canvas.short(caption, 44), fontsize=9)
                if not number:
                    axes.set_title(titles[column], fontsize=12)
        below = figure.add_subplot(grid[len(rows), :])
        below.set_axis_off()
        patches = [
            (name, canvas.rectangle(0, 0, 1, 1, facecolor=np.divide(color, 255), edgecolor="none"))
            for name, color in classes
        ]
        if patches:
            canvas.legend(below, patches, loc="center", ncols=min(_LEGEND_COLUMNS, len(patches)))

    return canvas.drawn_solid(draw, _PANEL_WIDTH * len(titles) + 0.2, sum(heights) + legend_height + 0.5)
