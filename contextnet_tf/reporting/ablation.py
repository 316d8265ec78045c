"""What each part of a recipe is worth: runs without it beside runs with all parts, seed by seed."""

import statistics
from collections.abc import Mapping, Sequence

from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.reporting.wording import UNKNOWN, percent

# What the runs with all parts are called.
ALL = "all parts"


def ablation_table(mean_iou: Mapping[str, Sequence[float]], seeds: Sequence[int]) -> str:
    """One row a change, `ALL` first: mean IoU (0 to 1) of each seed, their mean, and the difference to `ALL` in points.

    The difference is the mean over the seeds, each run beside that of its own seed; behind it the standard deviation of
    these differences. That of `ALL`'s own figures stands in its row: smaller differences are noise.
    """
    rows = []
    for name, figures in mean_iou.items():
        differences = [100 * (one - other) for one, other in zip(figures, mean_iou[ALL], strict=True)]
        shown = "" if name == ALL else f"{statistics.mean(differences):+.2f}"
        noise = [100 * figure for figure in figures] if name == ALL else differences
        spread = f"{statistics.stdev(noise):.2f}" if len(noise) > 1 else UNKNOWN
        rows.append([name, *(percent(x, 2) for x in figures), percent(statistics.mean(figures), 2), shown, spread])
    header = ["", *(f"seed {seed}" for seed in seeds), "mean", "difference", "standard deviation"]
    return markdown_table(header, rows)
