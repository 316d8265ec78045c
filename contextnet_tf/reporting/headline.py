"""The head of the report: title, byline, and the main figures of a run, each with a short explanation."""

import dataclasses

from contextnet_tf.reporting import paper, wording
from contextnet_tf.runs.layout import TFLITE
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.sections import DatasetSection, EvaluationSection, ModelSection, RuntimeSection, TrainingSection


@dataclasses.dataclass(frozen=True)
class Figure:
    """One of the main figures. `number` and `unit`, which may be empty, are shown large, `reason` small."""

    title: str
    number: str
    unit: str
    reason: str


def title(results: Results, fallback: str) -> str:
    """The network and its dataset; also the evaluation dataset if different."""
    network, trained_on = (results.model or ModelSection()).name, (results.dataset or DatasetSection()).name
    measured_on = (results.evaluation or EvaluationSection()).dataset
    trained, measured = wording.dataset_title(trained_on), wording.dataset_title(measured_on)
    if network and trained_on and measured_on not in (None, trained_on):
        return f"{network}, trained on {trained}, measured on {measured}"
    if network and (trained_on or measured_on):
        return f"{network} on {trained if trained_on else measured}"
    return network or (trained if trained_on else fallback)


def byline(results: Results) -> list[str]:
    """The number of evaluated images, their split, the date and the commit."""
    dataset, evaluation = results.dataset or DatasetSection(), results.evaluation or EvaluationSection()
    provenance = evaluation.provenance if results.evaluation else (results.training or TrainingSection()).provenance
    images = dataset.images if evaluation.accuracy.images is None else evaluation.accuracy.images
    split = evaluated_split(results)
    known = []
    if images is not None and split:
        known.append(f"{wording.count(images)} {'image' if images == 1 else 'images'} of the {split}")
    if provenance.date:
        known.append(wording.date(provenance.date))
    if provenance.commit:
        known.append(f"commit {wording.commit(provenance.commit)}")
    return known


def evaluated_split(results: Results) -> str | None:
    """The split of the accuracy figures, else of the training's validation: "validation split"; None if unknown.

    A dataset other than that of the training is named, too.
    """
    dataset, evaluation = results.dataset or DatasetSection(), results.evaluation or EvaluationSection()
    split = evaluation.split or dataset.split
    if not split:
        return None
    elsewhere = evaluation.dataset not in (None, dataset.name)
    return wording.split_title(split) + (f" of {wording.dataset_title(evaluation.dataset)}" if elsewhere else "")


def headline(results: Results) -> list[Figure]:
    """Accuracy, speed, parameters and size of the exported file, if known."""
    figures = (_accuracy(results), _speed(results), _parameters(results), _file(results))
    return [figure for figure in figures if figure is not None]


def epochs(training: TrainingSection) -> str:
    """ "6 of the recipe's 60" where a run was shorter than its recipe, else "60"."""
    own, whole = training.epochs, training.recipe_epochs
    if own is not None and whole is not None and own < whole:
        return f"{wording.significant(own)} of the recipe's {wording.significant(whole)}"
    return wording.significant(own)


def _accuracy(results: Results) -> Figure | None:
    evaluation, training = results.evaluation or EvaluationSection(), results.training or TrainingSection()
    accuracy = evaluation.accuracy
    if accuracy.mean_iou is None:
        return None
    reasons = [f"{len(accuracy.class_iou or {})} classes"]
    if "of" in epochs(training):
        reasons.append(f"after {epochs(training)} epochs")
    if accuracy.pixel_accuracy is not None:
        reasons.append(f"{wording.percent(accuracy.pixel_accuracy)} % of the pixels are correct")
    printed = paper.variant((results.model or ModelSection()).name or "")
    if printed and (evaluation.dataset, evaluation.split) == ("cityscapes", "val"):
        reasons.append(f"the paper has {printed.mean_iou} %")
    return _figure("mean IoU", wording.percent(accuracy.mean_iou, sign=" %"), "; ".join(reasons))


def _speed(results: Results) -> Figure | None:
    runtime = results.runtime or RuntimeSection()
    if runtime.frames_per_second is None:
        return None
    threads, machine = runtime.threads, runtime.provenance.machine
    reasons = [f"{_unbroken(wording.image_size(runtime.size))} pixels"] if runtime.size else []
    if threads:
        reasons.append(_unbroken(f"{threads} thread{'s' if threads != 1 else ''}"))
    if machine and machine.processor:
        reasons.append(machine.processor)
    return _figure("frames per second", wording.decimal(runtime.frames_per_second), ", ".join(reasons))


def _parameters(results: Results) -> Figure | None:
    model = results.model or ModelSection()
    for number, note in ((model.parameters_folded, ", batch normalization folded"), (model.parameters, "")):
        if number is not None:
            return _figure("parameters", wording.magnitude(number), wording.count(number) + note)
    return None


def _file(results: Results) -> Figure | None:
    file = results.export and results.export.files.get(TFLITE)
    if not file or file.bytes is None:
        return None
    size = f" for images of {_unbroken(wording.image_size(file.input_size))}" if file.input_size else ""
    return _figure("TFLite file", wording.file_size(file.bytes), f"float32{size}")


def _figure(title: str, value: str, reason: str) -> Figure:
    number, _, unit = value.partition(" ")
    return Figure(title, number, unit, reason)


def _unbroken(text: str) -> str:
    """The text with non-breaking spaces."""
    return text.replace(" ", "\u00a0")
