"""The branches of a ContextNet, alone and together: Figure 2 of the paper, and the section "branches" as tables."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from contextnet_tf import plots
from contextnet_tf.datasets.colors import Color
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.reporting import wording
from contextnet_tf.reporting.images import occurring_classes, on_white
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.runs.studies import BranchesSection

TITLES = {"context": "context branch alone", "detail": "detail branch alone", "both": "both branches"}


@dataclasses.dataclass(frozen=True, eq=False)
class BranchSample:
    """An image uint8 [H, W, 3] RGB and its train ids uint8 [H, W]: predictions by row name, ground truth if known."""

    name: str
    image: np.ndarray
    predictions: dict[str, np.ndarray]
    ground_truth: np.ndarray | None = None


def branches_figure(samples: Sequence[BranchSample], names: Sequence[str], colors: Sequence[Color]) -> bytes:
    """PNG with a row per image: the image, the ground truth if known for any image, and the predictions.

    Below each prediction is the share of correct pixels. Ignored pixels of the ground truth are white.
    """
    with_ground_truth = any(sample.ground_truth is not None for sample in samples)
    titles = [
        "image",
        *(["ground truth"] if with_ground_truth else []),
        *(TITLES[name] for name in samples[0].predictions),
    ]
    rows = []
    for sample in samples:
        row = [(sample.image, sample.name)]
        if with_ground_truth:
            unknown = np.full(sample.image.shape[:2], IGNORE, np.uint8)
            ground_truth = unknown if sample.ground_truth is None else sample.ground_truth
            row.append((on_white(ground_truth, colors), "white: not labeled"))
        for labels in sample.predictions.values():
            row.append((on_white(labels, colors), _correct(sample.ground_truth, labels)))
        rows.append(row)
    shown = [labels for sample in samples for labels in (sample.ground_truth, *sample.predictions.values())]
    return plots.label_panels(titles, rows, occurring_classes(shown, names, colors))


def branches_page(section: BranchesSection) -> str:
    """The section as a page of Markdown."""
    return (
        f"# Branches of {section.model}\n\n{branches_note(section)}\n{borders_table(section)}\n"
        f"IoU of each class in %.\n\n{classes_table(section)}\n![Branches](branches.png)\n"
    )


def branches_note(section: BranchesSection) -> str:
    """A description of the measurement and of the bands near borders."""
    widths = list(section.border_share)
    shares = ", ".join(wording.percent(section.border_share[width]) for width in widths)
    return (
        f"{section.checkpoint}: {section.model} on the {section.images} images of the "
        f"{wording.split_title(section.split)} of {wording.dataset_title(section.dataset)}. Alone: the other branch's "
        'term in the fusion unit is zero (section 3.2.1, "Context Branch Analysis").\n\n'
        f"Near borders: another class is at most {', '.join(widths)} pixels away ({shares} % of the labeled pixels). "
        "Interior: all others. IoU counts the pixels of the region only.\n"
    )


def borders_table(section: BranchesSection) -> str:
    """Mean IoU in % of all pixels, near borders and in the interior; a row per branch."""
    widths = list(section.border_share)
    header = ["", "Mean IoU", *(f"Within {width} px" for width in widths), "Interior"]
    return markdown_table(
        header,
        [
            [
                TITLES[row.name],
                wording.percent(row.mean_iou, 2),
                *(wording.percent(row.near_borders[width], 2) for width in widths),
                wording.percent(row.interior, 2),
            ]
            for row in section.rows
        ],
    )


def classes_table(section: BranchesSection) -> str:
    """IoU in %, a row per class."""
    rows = [
        [name, *(wording.percent(row.class_iou[name]) for row in section.rows)] for name in section.rows[0].class_iou
    ]
    return markdown_table(["Class", *(TITLES[row.name] for row in section.rows)], rows)


def _correct(ground_truth: np.ndarray | None, labels: np.ndarray) -> str:
    if ground_truth is None:
        return ""
    counted = ground_truth != IGNORE
    if not counted.any():
        return ""
    return f"{wording.percent(float(np.mean(ground_truth[counted] == labels[counted])))} % of the pixels correct"
