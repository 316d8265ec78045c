"""The head of the report: the main figures of a run, each with what is behind it in a few words."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.page import Markup, element, join
from contextnet_tf.runs.results import evaluated_split

Results = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One of the main figures: `value` with its unit is shown large, `reason` small below the title."""

    title: str
    value: str  # "3.41 MB"; the unit may be missing
    reason: str


def headline(results: Results) -> Markup:
    """Accuracy, speed, parameters and size of the file for the device, as far as they are known."""
    figures = (_accuracy(results), _speed(results), _parameters(results), _file(results))
    tiles = join(_tile(figure) for figure in figures if figure is not None)
    return element("dl", tiles, class_="headline") if tiles else Markup()


def _tile(figure: Figure) -> Markup:
    number, _, unit = figure.value.partition(" ")
    parts = [
        element("dt", figure.title),
        element("dd", join([number, element("small", unit) if unit else ""]), class_="figure"),
        element("dd", figure.reason, class_="why"),
    ]
    return element("div", join(parts))


def _accuracy(results: Results) -> Figure | None:
    evaluation, dataset = results.get("evaluation", {}), results.get("dataset", {})
    if evaluation.get("mean_iou") is None:
        return None
    reasons = [f"{len(evaluation.get('class_iou') or {})} classes"]
    if evaluation.get("pixel_accuracy") is not None:
        reasons.append(f"{wording.percent(evaluation['pixel_accuracy'])} % of the pixels are right")
    printed = paper.variant(results.get("model", {}).get("name", ""))
    if printed and (dataset.get("name"), evaluated_split(results)) == ("cityscapes", "val"):
        reasons.append(f"the paper has {printed.mean_iou} %")
    return Figure("mean IoU", wording.percent(evaluation["mean_iou"], sign=" %"), "; ".join(reasons))


def _speed(results: Results) -> Figure | None:
    runtime = results.get("runtime", {})
    if runtime.get("frames_per_second") is None:
        return None
    threads = runtime.get("threads")
    reasons = [f"{_unbroken(wording.image_size(runtime['size']))} pixels" if runtime.get("size") else ""]
    reasons.append(_unbroken(f"{threads} thread{'s' if threads != 1 else ''}") if threads else "")
    value = wording.decimal(runtime["frames_per_second"])
    return Figure("frames a second", value, ", ".join(filter(None, reasons)))


def _parameters(results: Results) -> Figure | None:
    model = results.get("model", {})
    for name, note in (("parameters_folded", ", batch normalization folded"), ("parameters", "")):
        if model.get(name) is not None:
            return Figure("parameters", wording.magnitude(model[name]), wording.count(model[name]) + note)
    return None


def _file(results: Results) -> Figure | None:
    export = results.get("export", {})
    if export.get("tflite_bytes") is None:
        return None
    reason = "what goes onto the device"
    if export.get("input_size"):
        reason = f"for images of {_unbroken(wording.image_size(export['input_size']))}"
    return Figure("TFLite file", wording.file_size(export["tflite_bytes"]), reason)


def _unbroken(text: str) -> str:
    """The text with spaces at which a line does not break."""
    return text.replace(" ", "\u00a0")
