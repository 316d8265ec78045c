"""The section of the report about accuracy by class and by category."""

from collections.abc import Iterable, Mapping, Sequence

from contextnet_tf.reporting import paper, plots, wording
from contextnet_tf.reporting.page import Markup, chart, element, join, section, swatch, table
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.sections import Accuracy, DatasetSection, EvaluationSection, ModelSection


def classes_section(results: Results) -> Markup:
    """IoU per class as bars and as a table, and per category; beside the paper's Table 5 on Cityscapes.

    iIoU stands beside IoU where it was measured.
    """
    accuracy = (results.evaluation or EvaluationSection()).accuracy
    class_iou = accuracy.class_iou
    if not class_iou:
        return Markup()
    colors = {row.name: row.color for row in (results.dataset or DatasetSection()).classes if row.color}
    printed = _paper_columns(results)
    own = (results.model or ModelSection()).name
    reference = {name: value / 100 for name, value in printed.get(own or "", {}).items()}
    bars = chart(plots.class_bars(class_iou, colors, reference), "IoU per class as bars", "bars")
    figure = [element("figure", bars)]
    if reference:
        mark = element("span", class_="mark")
        figure.append(element("p", join([mark, f"the paper's {own} (Table 5)"]), class_="note"))
    # The least widths, in rem, with which all three still stand beside each other on a wide screen.
    instances = bool(accuracy.instance_iou)
    bars_width, class_width, category_width = (21, 19, 14) if instances else (23, 15, 11)
    class_width += 6 if len(printed) == 1 else 4 * len(printed)
    parts = [
        element("div", join(figure), style=f"flex: 3 1 {bars_width}rem"),
        element("div", _class_table(accuracy, class_iou, colors, printed), style=f"flex: 2 1 {class_width}rem"),
    ]
    if accuracy.category_iou:
        style = f"flex: 1 1 {category_width}rem; max-width: 24rem"
        parts.append(element("div", _category_table(accuracy), style=style))
    lead = [
        "Intersection over union: of the pixels that are of a class or were taken for it, the share that is "
        "both. The mean weighs every class that occurs the same, however few its pixels are."
    ]
    if instances:
        lead.append(
            "iIoU is the same, but weighs each person, and each vehicle of a kind, alike, however small in the image."
        )
    paragraphs = [element("p", text) for text in lead]
    return section("classes", "Accuracy by class", *paragraphs, element("div", join(parts), class_="row"))


def _paper_columns(results: Results) -> dict[str, dict[str, float]]:
    """The rows of Table 5 to compare with, in per cent: the variant's own, or all of them."""
    evaluation = results.evaluation or EvaluationSection()
    if (evaluation.dataset, evaluation.split) != ("cityscapes", "val"):
        return {}
    own = (results.model or ModelSection()).name
    return {name: paper.class_iou(name) for name in ([own] if own in paper.TABLE_5 else paper.TABLE_5)}


def _class_table(
    accuracy: Accuracy,
    class_iou: Mapping[str, float | None],
    colors: Mapping[str, Sequence[int]],
    printed: Mapping[str, Mapping[str, float]],
) -> Markup:
    """One row a class in the order of the train ids, beside the paper's rows."""
    header = ["Class", "IoU\u00a0%", *(f"paper {name}" for name in printed)]
    rows = []
    for name, value in class_iou.items():
        title = join([swatch(colors[name]) if name in colors else "", name])
        rows.append([title, *_compared(value, [column.get(name) for column in printed.values()])])
    means = [paper.variant(name).mean_iou for name in printed]
    total = ["mean", *_compared(accuracy.mean_iou, means)]
    header += ["difference"] if len(printed) == 1 else []
    return _table_with_instances(header, rows, total, class_iou, accuracy.instance_iou, accuracy.mean_instance_iou)


def _compared(fraction: float | None, printed: Sequence[float | None]) -> list[object]:
    """Our figure, the paper's, and where the paper has one only: the difference in points."""
    figures = [wording.percent(fraction), *map(wording.decimal, printed)]
    if len(printed) != 1:
        return figures
    if fraction is None or fraction != fraction or printed[0] is None:
        return [*figures, wording.UNKNOWN]
    points = round(100 * fraction - printed[0], 1)
    if points == 0:
        return [*figures, "0.0"]
    written = f"{points:+.1f}".replace("-", "−")
    return [*figures, element("span", written, class_="better" if points > 0 else "worse")]


def _category_table(accuracy: Accuracy) -> Markup:
    category_iou = accuracy.category_iou or {}
    rows: list[list[object]] = [[name, wording.percent(value)] for name, value in category_iou.items()]
    mean = ["mean", wording.percent(accuracy.mean_category_iou)]
    instances = accuracy.category_instance_iou, accuracy.mean_category_instance_iou
    return _table_with_instances(["Category", "IoU\u00a0%"], rows, mean, category_iou, *instances)


def _table_with_instances(
    header: list[str],
    rows: list[list[object]],
    total: list[object],
    names: Iterable[str],
    instance_iou: Mapping[str, float | None] | None,
    mean: float | None,
) -> Markup:
    """A table, with iIoU as its last column where there is any; `names` are those of the rows."""
    if not instance_iou:
        return table(header, rows, total)
    rows = [[*row, wording.percent(instance_iou.get(name))] for row, name in zip(rows, names, strict=True)]
    return table([*header, "iIoU\u00a0%"], rows, [*total, wording.percent(mean)])
