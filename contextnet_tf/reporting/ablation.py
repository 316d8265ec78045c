"""The section "ablation" of result.json, what each part of a recipe is worth, as a table and its explanation."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from contextnet_tf.reporting import wording
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.runs.measurements import AblationSection

# What the runs with all parts are called.
ALL = "all parts"


def ablation_page(section: AblationSection) -> str:
    """All of it as a page of Markdown."""
    return f"# What each part of a recipe is worth\n\n{ablation_note(section)}\n{ablation_table(section)}"


def ablation_note(section: AblationSection) -> str:
    """What was trained on what, and what the figures of the table are: a paragraph each."""
    given = _flags(section.given)
    return (
        f"{section.model} on {wording.dataset_title(section.dataset)}, {section.epochs} epochs of the recipe "
        f"{section.recipe_name}{given and f' with {given}'}; flags are those of experiments.train.\n\n"
        f"Mean IoU in % on the {section.images} images of the validation split: of each run the best of its "
        f"validations, one every {section.validation_epochs} epochs and one at the end. That it was chosen on the "
        "same images flatters all rows.\n\n"
        f'Difference: from "{ALL}" with the same seed, in points, the mean over the seeds; its standard deviation '
        f'behind it. The row "{ALL}" has the standard deviation of its own figures there: smaller differences '
        "are noise.\n"
    )


def ablation_table(section: AblationSection) -> str:
    """One row a change: mean IoU of each seed, their mean, the mean difference to `ALL`, its standard deviation."""
    header = [
        "Row", "Flag", *(f"Seed {seed}" for seed in section.seeds), "Mean", "Difference", "Standard deviation",
    ]  # fmt: skip
    reference = section.rows[0]
    rows = [
        [row.name, _flags(row.changes), *_cells(row.mean_iou, None if row is reference else reference.mean_iou)]
        for row in section.rows
    ]
    return markdown_table(header, rows, left=2)


def _cells(figures: Sequence[float], others: Sequence[float] | None) -> list[str]:
    """A row's figures, beside `others` of the same seeds."""
    points = [100 * figure for figure in figures]
    cells = [wording.decimal(x, 2) for x in (*points, statistics.mean(points))]
    difference = ""
    if others is not None:
        points = [own - 100 * other for own, other in zip(points, others, strict=True)]
        difference = f"{statistics.mean(points):+.2f}"
    return [*cells, difference, wording.decimal(statistics.stdev(points) if len(points) > 1 else None, 2)]


def _flags(changes: Mapping[str, Any]) -> str:
    return " ".join(wording.flag(name, value) for name, value in changes.items())
