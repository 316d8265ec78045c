"""The networks side by side: as a Markdown table, and as an image."""

import dataclasses
from collections.abc import Sequence

from contextnet_tf import plots
from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.runs.benchmarks import NetworkOverview


@dataclasses.dataclass(frozen=True)
class Printed:
    """The paper's figures of a network. None: not printed."""

    million_parameters: float | None = None
    frames_per_second: float | None = None
    mean_iou: float | None = None


def printed(name: str) -> Printed:
    """The paper's figures of the network registered as `name`, from Table 4, section 3.2.1, and Tables 6 and 7.

    Mean IoU is that on the validation set for ContextNet, and on the test set (Table 6) for the others.
    """
    if variant := paper.variant(name):
        return Printed(variant.million_parameters, variant.frames_per_second, variant.mean_iou)
    if name in paper.BRANCHES_ALONE:
        return Printed(mean_iou=paper.BRANCHES_ALONE[name])
    accuracy, runtimes = paper.accuracy(name), paper.runtimes(name)
    return Printed(
        accuracy.million_parameters if accuracy else None,
        runtimes[0].full if runtimes else None,
        accuracy.class_mean_iou if accuracy else None,
    )


def models_table(overviews: Sequence[NetworkOverview]) -> str:
    """One row per network: layers, receptive field, parameters, multiply-adds, and the paper's figures."""
    sizes = list(overviews[0].multiply_adds)
    header = [
        "Network", "Layers", "Receptive field", "Parameters, folded", "As trained", "Paper: parameters",
        *(f"Multiply-adds, {size.replace('x', ' × ')}" for size in sizes),
        "Paper: frames/s", "Paper: mean IoU %",
    ]  # fmt: skip
    return markdown_table(header, [_row(overview, sizes) for overview in overviews])


def models_plot(overviews: Sequence[NetworkOverview]) -> bytes:
    """PNG: parameters, multiply-adds at the first of the sizes, and receptive field of each network."""
    size = next(iter(overviews[0].multiply_adds))
    fields = [overview.receptive_field for overview in overviews]
    columns = [
        plots.DotColumn(
            "Parameters in millions",
            [overview.parameters / 1e6 for overview in overviews],
            [printed(overview.name).million_parameters for overview in overviews],
        ),
        plots.DotColumn(
            f"Multiply-adds in billions, {size.replace('x', ' × ')}",
            [overview.multiply_adds[size] / 1e9 for overview in overviews],
        ),
        plots.DotColumn("Receptive field in pixels", [field and max(field) for field in fields]),
    ]
    return plots.dot_columns([overview.name for overview in overviews], columns)


def _row(overview: NetworkOverview, sizes: Sequence[str]) -> list[str]:
    in_paper = printed(overview.name)
    return [
        overview.name,
        wording.count(overview.layers),
        wording.image_size(overview.receptive_field) if overview.receptive_field else "whole image",
        wording.count(overview.parameters),
        wording.count(overview.parameters_as_trained),
        wording.UNKNOWN if in_paper.million_parameters is None else f"{in_paper.million_parameters:g} M",
        *(wording.magnitude(overview.multiply_adds[size]) for size in sizes),
        wording.decimal(in_paper.frames_per_second),
        wording.decimal(in_paper.mean_iou),
    ]
