"""The report's section on classes, categories and their confusion."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from contextnet_tf import plots
from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.inline import chart
from contextnet_tf.reporting.robustness import robustness_rows
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.sections import AveragedEvaluationSection, DatasetSection, EvaluationSection, ModelSection

Table = tuple[list[str], list[list[object]], list[object]]  # header, rows and a highlighted last row
_MISTAKES = 8  # shown in words
_COLORED_NAME = Markup('<span class="swatch" style="background:rgb({},{},{})"></span>{}')


@dataclasses.dataclass(frozen=True)
class Classes:
    """IoU per class as bars and as a table, and per category; iIoU is the last column if measured."""

    bars: Markup
    reference: str | None  # the variant of Table 5 that the bars have a mark for
    instances: bool
    class_table: Table
    category_table: Table | None
    widths: tuple[int, int, int]  # rem; at these, all three parts still stand side by side on a wide screen
    averaged: str | None  # a sentence on the accuracy with test-time augmentation (TTA)
    title: str = "Accuracy by class"


@dataclasses.dataclass(frozen=True)
class Confusion:
    """The confusion matrix as a heat map, and the most frequent mistakes in words."""

    heat_map: Markup
    mistakes: list[tuple[str, str]]
    title: str = "Confusion"


@dataclasses.dataclass(frozen=True)
class Robustness:
    """The accuracy on changed images: rows of name, change, mean IoU in % and difference in points."""

    images: int
    split: str
    rows: list[list[str]]
    title: str = "Robustness"


def robustness(results: Results) -> Robustness | None:
    """The section "robustness"; None if it was not measured."""
    section = results.robustness
    if section is None:
        return None
    return Robustness(section.images, wording.split_title(section.split), robustness_rows(section))


def classes(results: Results) -> Classes | None:
    """The IoU per class, beside the paper's Table 5 on Cityscapes val; None if no class was measured."""
    accuracy = (results.evaluation or EvaluationSection()).accuracy
    class_iou = accuracy.class_iou
    if not class_iou:
        return None
    colors = {row.name: row.color for row in (results.dataset or DatasetSection()).classes if row.color}
    printed = _paper_columns(results)
    own = (results.model or ModelSection()).name
    reference = {name: value / 100 for name, value in printed.get(own or "", {}).items()}
    rows: list[list[object]] = []
    for name, value in class_iou.items():
        title = _COLORED_NAME.format(*colors[name], name) if name in colors else name
        rows.append([title, *_compared(value, [column.get(name) for column in printed.values()])])
    means = [variant.mean_iou for variant in paper.TABLE_4 if variant.name in printed]
    total = ["mean", *_compared(accuracy.mean_iou, means)]
    header = ["Class", "IoU\u00a0%", *(f"paper {name}" for name in printed)]
    header += ["difference"] if len(printed) == 1 else []
    table = _with_instances((header, rows, total), class_iou, accuracy.instance_iou, accuracy.mean_instance_iou)
    instances = bool(accuracy.instance_iou)
    bars_width, class_width, category_width = (21, 19, 14) if instances else (23, 15, 11)
    class_width += 6 if len(printed) == 1 else 4 * len(printed)
    return Classes(
        bars=chart(plots.class_bars(class_iou, colors, reference), "IoU per class as bars", "bars"),
        reference=own if reference else None,
        instances=instances,
        class_table=table,
        category_table=_category_table(results),
        widths=(bars_width, class_width, category_width),
        averaged=_averaged(results.averaged_evaluation),
    )


def confusion(results: Results) -> Confusion | None:
    """The confusion matrix and its mistakes; None if there is no confusion matrix."""
    accuracy = (results.evaluation or EvaluationSection()).accuracy
    counts = accuracy.confusion
    if not counts:
        return None
    names = list(accuracy.class_iou or map(str, range(len(counts))))
    heat_map = chart(plots.confusion_heat_map(counts, names), "Confusion matrix", "confusion")
    mistakes = [(f"{true} → {predicted}", wording.percent(x)) for x, true, predicted in _mistakes(counts, names)]
    return Confusion(heat_map, mistakes)


def _averaged(section: AveragedEvaluationSection | None) -> str | None:
    if section is None or section.accuracy.mean_iou is None:
        return None
    ways = [f"the scales {', '.join(map(wording.significant, section.scales))}"] if len(section.scales) > 1 else []
    ways = ["mirrored images", *ways] if section.flip else ways
    of = f" of {wording.dataset_title(section.dataset)}" if section.dataset else ""
    return (
        f"With test-time augmentation (TTA) over {' and '.join(ways) or 'another scale'}, {section.checkpoint} has "
        f"{wording.percent(section.accuracy.mean_iou)} % mean IoU on the {wording.split_title(section.split)}{of}. "
        "It takes a multiple of the time, so the other figures are without it."
    )


def _paper_columns(results: Results) -> dict[str, dict[str, float]]:
    """The rows of Table 5 to compare with, in percent: the variant's own, or all of them."""
    evaluation = results.evaluation or EvaluationSection()
    if (evaluation.dataset, evaluation.split) != ("cityscapes", "val"):
        return {}
    own = (results.model or ModelSection()).name
    return {name: paper.class_iou(name) for name in ([own] if own in paper.TABLE_5 else paper.TABLE_5)}


def _compared(fraction: float | None, printed: Sequence[float | None]) -> list[object]:
    """Our figure, the paper's figures, and the difference in points if the paper has exactly one."""
    figures: list[object] = [wording.percent(fraction), *map(wording.decimal, printed)]
    if len(printed) != 1:
        return figures
    if fraction is None or printed[0] is None:
        return [*figures, wording.UNKNOWN]
    points = round(100 * fraction - printed[0], 1)
    if points == 0:
        return [*figures, "0.0"]
    kind, written = ("better", f"+{points}") if points > 0 else ("worse", f"−{-points}")
    return [*figures, Markup('<span class="{}">{}</span>').format(kind, written)]


def _category_table(results: Results) -> Table | None:
    accuracy = (results.evaluation or EvaluationSection()).accuracy
    if not accuracy.category_iou:
        return None
    rows: list[list[object]] = [[name, wording.percent(value)] for name, value in accuracy.category_iou.items()]
    table: Table = (["Category", "IoU\u00a0%"], rows, ["mean", wording.percent(accuracy.mean_category_iou)])
    instances = accuracy.category_instance_iou, accuracy.mean_category_instance_iou
    return _with_instances(table, accuracy.category_iou, *instances)


def _with_instances(
    table: Table, names: Mapping[str, object], instance_iou: Mapping[str, float | None] | None, mean: float | None
) -> Table:
    """The table with iIoU as its last column if any was measured; `names` are the row names."""
    if not instance_iou:
        return table
    header, rows, total = table
    rows = [[*row, wording.percent(instance_iou.get(name))] for row, name in zip(rows, names, strict=True)]
    return [*header, "iIoU\u00a0%"], rows, [*total, wording.percent(mean)]


def _mistakes(counts: Sequence[Sequence[int]], names: Sequence[str]) -> list[tuple[float, str, str]]:
    """(share of the true class's pixels, true class, predicted class) of the largest entries beside the diagonal."""
    shares = np.nan_to_num(plots.row_shares(counts))
    np.fill_diagonal(shares, 0)
    order = np.argsort(shares, axis=None)[::-1][:_MISTAKES]
    cells = [np.unravel_index(position, shares.shape) for position in order]
    return [(float(shares[x, y]), names[x], names[y]) for x, y in cells if shares[x, y] >= 0.005]
