"""The section "ablation" of result.json as a page: an explanation, a table of the rows, one of the classes, a plot."""

import statistics
from collections.abc import Mapping
from typing import Any

from contextnet_tf.plots import difference_dots
from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.runs.studies import AblationRow, AblationSection


def ablation_page(section: AblationSection) -> str:
    """The whole section as a page of Markdown."""
    page = f"# {section.title}\n\n{ablation_note(section)}\n{ablation_table(section)}"
    return page + (f"\nIoU of each class in %, mean over the seeds.\n\n{ablation_classes(section)}" if
                   any(row.class_iou for row in section.rows) else "")  # fmt: skip


def ablation_note(section: AblationSection) -> str:
    """Paragraphs on the training runs, their data, and the meaning of the table's figures."""
    given, reference = _flags(section.given), section.rows[0].name
    paragraphs = [
        f"{section.model} on {wording.dataset_title(section.dataset)}, {section.epochs} epochs of the recipe "
        f"{section.recipe_name}{given and f' with {given}'}; flags are those of experiments.train.",
        f"Mean IoU in % on the {section.images} images of the validation split: the best validation of each run, "
        f"of one every {section.validation_epochs} epochs and one at the end. The network was chosen on the "
        "same images, so all rows are too optimistic.",
        f'Difference: from "{reference}" with the same seed, in points: mean and standard deviation over the seeds. '
        f'For "{reference}", the standard deviation is that of its mean IoU: smaller differences are noise.',
    ]
    others = [f'"{row.name}" is compared with "{row.against}".' for row in section.rows if row.against]
    if others:
        paragraphs.append(" ".join(others))
    if any(row.paper_mean_iou is not None for row in section.rows):
        paragraphs.append("The paper's figures are of Cityscapes: compare differences and order, not the figures.")
    if section.speed:
        paragraphs.append(f"Frames per second: {section.speed}. The paper's are of 1024 x 2048 images on a Titan X.")
    return "\n\n".join(paragraphs) + "\n"


def ablation_table(section: AblationSection) -> str:
    """One row per row of the ablation: mean IoU of each seed, their mean, the difference and its standard deviation.

    Networks, parameters, multiply-adds, mean IoU of the categories, frames per second and the paper's figures have
    columns if a row has them.
    """
    columns = [("Row", [row.name for row in section.rows])]
    if any(row.changes for row in section.rows):
        columns.append(("Flag", [_flags(row.changes) for row in section.rows]))
    if len({row.model for row in section.rows}) > 1:
        columns.append(("Network", [row.model or wording.UNKNOWN for row in section.rows]))
    left = len(columns)
    if len({row.parameters for row in section.rows}) > 1:
        columns.append(("Parameters", [wording.count(row.parameters) for row in section.rows]))
    if any(row.paper_million_parameters is not None for row in section.rows):
        printed = [row.paper_million_parameters for row in section.rows]
        columns.append(("Paper's parameters", [f"{x:g} M" if x is not None else wording.UNKNOWN for x in printed]))
    if len({row.multiply_adds for row in section.rows}) > 1:
        columns.append(("Multiply-adds", [wording.magnitude(row.multiply_adds) for row in section.rows]))
    for place, seed in enumerate(section.seeds):
        columns.append((f"Seed {seed}", [wording.percent(row.mean_iou[place], 2) for row in section.rows]))
    columns.append(("Mean", [wording.mean_percent(row.mean_iou, 2) for row in section.rows]))
    points = [_differences(section, row) for row in section.rows]
    columns.append(("Difference", ["", *(f"{statistics.mean(found):+.2f}" for found in points[1:])]))
    points[0] = [100 * figure for figure in section.rows[0].mean_iou]
    columns.append(
        ("Standard deviation", [wording.decimal(statistics.stdev(x) if len(x) > 1 else None, 2) for x in points])
    )
    if any(row.paper_mean_iou is not None for row in section.rows):
        columns.append(("Paper", [wording.percent(row.paper_mean_iou) for row in section.rows]))
        columns.append(("Paper's difference", [_signed(paper_difference(section, row)) for row in section.rows]))
    if any(row.paper_category_iou is not None for row in section.rows):
        columns.append(("Categories", [wording.mean_percent(row.mean_category_iou, 2) for row in section.rows]))
        columns.append(("Paper's categories", [wording.percent(row.paper_category_iou) for row in section.rows]))
    if section.speed:
        columns.append(("Frames/s", [wording.decimal(row.frames_per_second) for row in section.rows]))
        columns.append(("Paper's frames/s", [wording.decimal(row.paper_frames_per_second) for row in section.rows]))
    header, cells = zip(*columns, strict=True)
    return markdown_table(header, list(zip(*cells, strict=True)), left=left)


def ablation_classes(section: AblationSection) -> str:
    """IoU in %, a row per class and a column per row of the ablation.

    The last columns are the Table 5 figures of their networks.
    """
    printed = {
        row.model: paper.class_iou(row.model) for row in section.rows if row.model and paper.class_iou(row.model)
    }
    shown = {name: figures for name, figures in printed.items() if figures.keys() & section.rows[0].class_iou.keys()}
    rows = [
        [
            name,
            *(wording.percent(row.class_iou.get(name)) for row in section.rows),
            *(wording.decimal(figures.get(name)) for figures in shown.values()),
        ]
        for name in section.rows[0].class_iou
    ]
    return markdown_table(["Class", *(row.name for row in section.rows), *(f"paper, {name}" for name in shown)], rows)


def ablation_plot(section: AblationSection) -> bytes:
    """PNG: the differences of all rows but the first, a dot per seed, and the paper's differences if printed."""
    rows = section.rows[1:]
    return difference_dots(
        [row.name for row in rows],
        [_differences(section, row) for row in rows],
        [paper_difference(section, row) for row in rows],
        f'points of mean IoU from "{section.rows[0].name}"',
    )


def paper_difference(section: AblationSection, row: AblationRow) -> float | None:
    """The paper's difference in points; None for the reference and if not printed."""
    base = _base(section, row)
    if row is base or row.paper_mean_iou is None or base.paper_mean_iou is None:
        return None
    return 100 * (row.paper_mean_iou - base.paper_mean_iou)


def _base(section: AblationSection, row: AblationRow) -> AblationRow:
    """The row that `row` is compared with."""
    return next(other for other in section.rows if other.name == (row.against or section.rows[0].name))


def _differences(section: AblationSection, row: AblationRow) -> list[float]:
    """In points, seed by seed."""
    base = _base(section, row)
    return [100 * (own - other) for own, other in zip(row.mean_iou, base.mean_iou, strict=True)]


def _signed(points: float | None) -> str:
    return "" if points is None else f"{points:+.1f}"


def _flags(changes: Mapping[str, Any]) -> str:
    return " ".join(wording.flag(name, value) for name, value in changes.items())
