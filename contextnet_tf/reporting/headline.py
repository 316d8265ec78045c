"""The head of the report: the main figures of a run, each with what is behind it in a few words."""

import dataclasses

from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.page import Markup, element, join
from contextnet_tf.runs.layout import TFLITE
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.sections import EvaluationSection, ModelSection, RuntimeSection


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
    evaluation = results.evaluation or EvaluationSection()
    accuracy = evaluation.accuracy
    if accuracy.mean_iou is None:
        return None
    reasons = [f"{len(accuracy.class_iou or {})} classes"]
    if accuracy.pixel_accuracy is not None:
        reasons.append(f"{wording.percent(accuracy.pixel_accuracy)} % of the pixels are right")
    printed = paper.variant((results.model or ModelSection()).name or "")
    if printed and (evaluation.dataset, evaluation.split) == ("cityscapes", "val"):
        reasons.append(f"the paper has {printed.mean_iou} %")
    return Figure("mean IoU", wording.percent(accuracy.mean_iou, sign=" %"), "; ".join(reasons))


def _speed(results: Results) -> Figure | None:
    runtime = results.runtime or RuntimeSection()
    if runtime.frames_per_second is None:
        return None
    threads = runtime.threads
    reasons = [f"{_unbroken(wording.image_size(runtime.size))} pixels" if runtime.size else ""]
    reasons.append(_unbroken(f"{threads} thread{'s' if threads != 1 else ''}") if threads else "")
    value = wording.decimal(runtime.frames_per_second)
    return Figure("frames a second", value, ", ".join(filter(None, reasons)))


def _parameters(results: Results) -> Figure | None:
    model = results.model or ModelSection()
    for number, note in ((model.parameters_folded, ", batch normalization folded"), (model.parameters, "")):
        if number is not None:
            return Figure("parameters", wording.magnitude(number), wording.count(number) + note)
    return None


def _file(results: Results) -> Figure | None:
    file = results.export and results.export.files.get(TFLITE)
    if not file or file.bytes is None:
        return None
    reason = "what goes onto the device"
    if file.input_size:
        reason = f"for images of {_unbroken(wording.image_size(file.input_size))}"
    return Figure("TFLite file", wording.file_size(file.bytes), reason)


def _unbroken(text: str) -> str:
    """The text with spaces at which a line does not break."""
    return text.replace(" ", "\u00a0")
