"""The section "robustness" of result.json as tables and a plot, and changed images beside their predictions."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from contextnet_tf import plots
from contextnet_tf.datasets.colors import Color
from contextnet_tf.reporting import wording
from contextnet_tf.reporting.images import occurring_classes, on_white
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.runs.studies import RobustnessRow, RobustnessSection

_PAIRS = 3  # of image and prediction in a row of the figure


@dataclasses.dataclass(frozen=True, eq=False)
class ChangedImage:
    """An image uint8 [H, W, 3] RGB after the change of the row `name`, and its predicted train ids uint8 [H, W]."""

    name: str
    image: np.ndarray
    prediction: np.ndarray


def robustness_plot(section: RobustnessSection) -> bytes:
    """PNG: the mean IoU in % on the images with each change, and the difference from the unchanged images."""
    return plots.reference_dots(
        [row.name for row in section.rows],
        [100 * row.mean_iou for row in section.rows],
        [_with_difference(section, row) for row in section.rows],
        "mean IoU in %, and its difference from the unchanged images in points",
    )


def changed_images_figure(
    section: RobustnessSection, samples: Sequence[ChangedImage], names: Sequence[str], colors: Sequence[Color]
) -> bytes:
    """PNG: each changed image beside its prediction, with the change and the mean IoU over all images below them."""
    rows = {row.name: row for row in section.rows}
    pairs = []
    for sample in samples:
        row = rows[sample.name]
        figure = f"mean IoU of all images: {_with_difference(section, row)}"
        caption = f"{sample.name}: {row.text}" if row.text else sample.name
        pairs.append([(sample.image, caption), (on_white(sample.prediction, colors), figure)])
    columns = min(_PAIRS, len(pairs))
    grid = [list(itertools.chain(*pairs[start : start + columns])) for start in range(0, len(pairs), columns)]
    classes = occurring_classes([sample.prediction for sample in samples], names, colors)
    return plots.label_panels(["image", "prediction"] * columns, grid, classes, photographs=range(0, 2 * columns, 2))


def robustness_page(section: RobustnessSection) -> str:
    """The section as a page of Markdown."""
    return (
        f"# Robustness of {section.model}\n\n{robustness_note(section)}\n{robustness_table(section)}\n"
        "![Mean IoU with each change](robustness.png)\n\n"
        f"IoU of each class in %.\n\n{_classes(section)}\n![Changed images and their predictions](corruptions.png)\n"
    )


def robustness_note(section: RobustnessSection) -> str:
    """A description of the measurement."""
    return (
        f"{section.checkpoint}: {section.model} on the {section.images} images of the "
        f"{wording.split_title(section.split)} of {wording.dataset_title(section.dataset)}, as they are and changed as "
        "another camera, light or transmission would change them. Mean IoU in %, and its difference from the unchanged "
        "images in points.\n"
    )


def robustness_table(section: RobustnessSection) -> str:
    """Mean IoU in % and the difference from the unchanged images in points; a row per change."""
    return markdown_table(["Images", "Change", "Mean IoU", "Difference"], robustness_rows(section), left=2)


def robustness_rows(section: RobustnessSection) -> list[list[str]]:
    """The rows of the table: name, change, mean IoU in % and the difference from the first row in points."""
    return [[row.name, row.text, wording.percent(row.mean_iou), _difference(section, row)] for row in section.rows]


def _difference(section: RobustnessSection, row: RobustnessRow) -> str:
    """From the first row, in points; nothing for the first row itself."""
    first = section.rows[0]
    return "" if row is first else f"{100 * (row.mean_iou - first.mean_iou):+.1f}"


def _with_difference(section: RobustnessSection, row: RobustnessRow) -> str:
    """The mean IoU, and for all rows but the first the difference: "81.3 % (-1.7)"."""
    difference = _difference(section, row)
    return wording.percent(row.mean_iou, sign=" %") + (f" ({difference})" if difference else "")


def _classes(section: RobustnessSection) -> str:
    rows = [
        [name, *(wording.percent(row.class_iou[name]) for row in section.rows)] for name in section.rows[0].class_iou
    ]
    return markdown_table(["Class", *(row.name for row in section.rows)], rows)
