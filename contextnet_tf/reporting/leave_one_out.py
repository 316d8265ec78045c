"""The section "leave_one_out" of result.json as a page: rows of settings, columns of held-out drives."""

import statistics

from contextnet_tf.reporting import wording
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.runs.studies import LeaveOneOutRow, LeaveOneOutSection


def leave_one_out_page(section: LeaveOneOutSection) -> str:
    """The whole section as a page of Markdown."""
    given = " ".join(wording.flag(name, value) for name, value in section.given.items())
    seeds = f"seed{'s' if len(section.seeds) > 1 else ''} {', '.join(map(str, section.seeds))}"
    return (
        "# Settings on drives that were not trained on\n\n"
        f"{section.model} on {wording.dataset_title(section.dataset)}, splits {section.split}, {section.epochs} epochs "
        f"of the recipe {section.recipe_name}{given and f' with {given}'}, {seeds}; flags are those of "
        "experiments.train.\n\n"
        "Mean IoU in % on the drive of the column, which the run was not trained on, after the last step"
        f"{', mean over the seeds' if len(section.seeds) > 1 else ''}. Difference: of the mean over the drives from "
        f'"{section.rows[0].name}", in points. Worst: the smallest difference of a drive.\n\n'
        f"{leave_one_out_table(section)}\n"
        "IoU of each class in %, mean over the drives"
        f"{' and seeds' if len(section.seeds) > 1 else ''}.\n\n{_classes(section)}"
    )


def leave_one_out_table(section: LeaveOneOutSection) -> str:
    """One row per setting: mean IoU on each drive, the mean over the drives, and the differences from the first row.

    With several seeds, the last column is the standard deviation over the seeds of the mean over the drives.
    """
    several = len(section.seeds) > 1
    reference = _drives(section, section.rows[0])
    header = ["Row", "Flags", *section.drives, "Mean", "Difference", "Worst"]
    lines = []
    for row in section.rows:
        own = _drives(section, row)
        points = [100 * (one - other) for one, other in zip(own, reference, strict=True)]
        difference = ["", ""] if row is section.rows[0] else [f"{statistics.mean(points):+.2f}", f"{min(points):+.2f}"]
        flags = " ".join(wording.flag(name, value) for name, value in row.changes.items())
        cells = [*(wording.percent(figure, 2) for figure in own), wording.percent(statistics.mean(own), 2)]
        lines.append([row.name, flags, *cells, *difference, *([f"{_deviation(section, row):.2f}"] if several else [])])
    return markdown_table([*header, *(["Standard deviation"] if several else [])], lines, left=2)


def _drives(section: LeaveOneOutSection, row: LeaveOneOutRow) -> list[float]:
    """The mean over the seeds of each drive."""
    return [statistics.mean(row.mean_iou[drive]) for drive in section.drives]


def _deviation(section: LeaveOneOutSection, row: LeaveOneOutRow) -> float:
    """In points, over the seeds, of the mean over the drives."""
    means = [statistics.mean(row.mean_iou[drive][place] for drive in section.drives)
             for place in range(len(section.seeds))]  # fmt: skip
    return 100 * statistics.stdev(means)


def _classes(section: LeaveOneOutSection) -> str:
    rows = [
        [name, *(wording.percent(row.class_iou.get(name)) for row in section.rows)]
        for name in section.rows[0].class_iou
    ]
    return markdown_table(["Class", *(row.name for row in section.rows)], rows)
