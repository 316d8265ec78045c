"""The report's sections besides accuracy: sample images, training, network, speed, and the origin of the figures.

Each function converts recorded results to template data, or returns None if nothing was recorded.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from contextnet_tf import plots
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.reporting import headline, images, paper, wording
from contextnet_tf.reporting.inline import chart, data_uri
from contextnet_tf.runs.history import IMAGES_PER_SECOND, curve
from contextnet_tf.runs.layout import SAVED_MODEL, TFLITE
from contextnet_tf.runs.provenance import Machine, Provenance
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.sections import (
    DatasetSection,
    EvaluationSection,
    ExportedFile,
    ExportSection,
    Measured,
    ModelSection,
    RuntimeSection,
    Size,
    TrainingSection,
)

_TERMS = {"aux": "auxiliary", "bn": "batch-norm", "ema": "EMA", "ohem": "OHEM", "power": "power of the decay"}

Fact = tuple[str, object]


@dataclasses.dataclass(frozen=True)
class ShownSample:
    """An image, its ground truth and its prediction, as addresses by role."""

    name: str
    accuracy: str | None
    size: Size
    images: list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Samples:
    """Samples and a legend of (color, name, occurs); color None: hatched; occurs None: not a class."""

    legend: list[tuple[tuple[int, int, int] | None, str, bool | None]]
    samples: list[ShownSample]
    title: str = "Images"


@dataclasses.dataclass(frozen=True)
class Training:
    """Curves over the epochs by title, and facts."""

    curves: list[tuple[str, Markup]]
    run: list[Fact]
    recipe: list[Fact]
    title: str = "Training"


@dataclasses.dataclass(frozen=True)
class Network:
    """The network and its exported float32 files; `parity` and `difference` are the worse of both."""

    model: ModelSection
    printed: str | None
    work: str
    saved_model: str | None
    tflite: str | None
    bytes: int | None
    input_size: Size | None
    parity: float | None
    difference: float | None
    mean_iou: str
    others: list[list[str]]  # a row for each other exported file
    title: str = "Network and files"


@dataclasses.dataclass(frozen=True)
class Speed:
    """The speed of the exported file, and the paper's figures for that size."""

    runtime: RuntimeSection
    processor: str | None
    printed: str | None
    title: str = "Speed"


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where the figures come from. `programs`: name, flags as facts, and command line."""

    provenance: Provenance
    machine: Machine
    evaluated: bool
    checkpoint: str | None
    data_dir: str | None
    measured: list[list[str]]
    programs: list[tuple[str, list[Fact], str]]
    title: str = "Where the figures come from"


def samples(results: Results, shown: Sequence[images.Sample]) -> Samples | None:
    """Image, ground truth and prediction side by side."""
    if not shown:
        return None
    classes = (results.dataset or DatasetSection()).classes
    colors = [row.color or images.COLORLESS for row in classes]
    occurring = images.occurring_ids(shown)
    legend = [(row.color or images.COLORLESS, row.name, train_id in occurring) for train_id, row in enumerate(classes)]
    ignored = [(None, "not labeled: ignored", None)] if IGNORE in occurring else []
    return Samples([*legend, *ignored], [_shown_sample(sample, colors) for sample in shown])


def training(results: Results, history: Sequence[dict[str, Any]]) -> Training | None:
    """Curves over the epochs, and the recipe."""
    section = results.training or TrainingSection()
    curves = plots.training_curves(history)
    if section == TrainingSection() and not curves:
        return None
    _, speeds = curve(history, IMAGES_PER_SECOND)
    run: list[Fact] = [
        ("epochs", headline.epochs(section)),
        ("steps", wording.count(section.steps)),
        ("best at step", wording.count(section.best_step)),
        ("time", wording.duration(section.minutes)),
        ("images per second", f"{np.median(speeds):.1f} (median)" if speeds else None),
        ("seed", section.seed),
    ]
    charts = [
        (title, chart(svg, f"{title} over the epochs", f"curve{number}"))
        for number, (title, svg) in enumerate(curves.items())
    ]
    return Training(charts, run, list(_settings(section.recipe or {})))


def network(results: Results) -> Network | None:
    """Parameters, multiply-adds, and the exported files."""
    model, runtime = results.model or ModelSection(), results.runtime or RuntimeSection()
    files = (results.export or ExportSection()).files
    if model == ModelSection() and not files and runtime.mean_iou is None:
        return None
    saved_model, tflite = files.get(SAVED_MODEL), files.get(TFLITE)
    float_files = [file for file in (saved_model, tflite) if file]
    printed = paper.variant(model.name or "")
    work = wording.magnitude(model.multiply_adds)
    if work != wording.UNKNOWN and model.input_size:
        work += f" at {wording.image_size(model.input_size)}"
    return Network(
        model=model,
        printed=f"{printed.million_parameters} M, 19 classes" if printed else None,
        work=work,
        saved_model=saved_model.path if saved_model else None,
        tflite=tflite.path if tflite else None,
        bytes=tflite.bytes if tflite else None,
        input_size=next((file.input_size for file in float_files), None),
        parity=min((x.label_parity for x in float_files if x.label_parity is not None), default=None),
        difference=max((x.largest_logit_difference or 0.0 for x in float_files), default=None),
        mean_iou=_exported_accuracy(results) if runtime.file in (None, TFLITE) else wording.UNKNOWN,
        others=[_file_row(name, file) for name, file in files.items() if name not in (SAVED_MODEL, TFLITE)],
    )


def speed(results: Results) -> Speed | None:
    """Frames per second, and how they were measured."""
    runtime = results.runtime
    if runtime is None or runtime == RuntimeSection():
        return None
    name = (results.model or ModelSection()).name or ""
    figures = paper.speeds(name, runtime.size) if runtime.size else {}
    printed = None
    if figures and runtime.size:
        listed = " and ".join(f"{figure} ({mode})" for mode, figure in figures.items())
        printed = (
            f"The paper prints {listed} frames per second for {name} at {wording.image_size(runtime.size)}, on an "
            "Nvidia Titan X (Tables 4 and 7)."
        )
    return Speed(runtime, (runtime.provenance.machine or Machine()).processor, printed)


def origin(results: Results) -> Origin | None:
    """Date, commit, machine and versions of the accuracy figures; of other figures if different; all flags."""
    evaluation = results.evaluation or EvaluationSection()
    sections = [(title, x) for title, x in _measured(results) if x.dataset or x.provenance != Provenance()]
    known = [x.provenance for x in (evaluation, *(x for _, x in sections)) if x.provenance != Provenance()]
    provenance = known[0] if known else Provenance()
    data_dir = (results.dataset or DatasetSection()).data_dir
    measured = [_measured_row(title, figures, provenance) for title, figures in sections]
    programs: list[tuple[str, list[Fact], str]] = [
        (name, [(flag, wording.setting(value)) for flag, value in flags.items()], wording.command(name, flags))
        for name, flags in results.flags.items()
    ]
    if provenance == Provenance() and not (measured or programs or evaluation.checkpoint or data_dir):
        return None
    return Origin(
        provenance=provenance,
        machine=provenance.machine or Machine(),
        evaluated=provenance == evaluation.provenance,
        checkpoint=evaluation.checkpoint,
        data_dir=data_dir,
        measured=measured,
        programs=programs,
    )


def _shown_sample(sample: images.Sample, colors: Sequence[tuple[int, int, int]]) -> ShownSample:
    accuracy = sample.pixel_accuracy
    return ShownSample(
        name=sample.name,
        accuracy=None if accuracy is None else wording.percent(accuracy),
        size=images.fitted_size(*sample.ground_truth.shape),
        images=[
            ("image", data_uri(images.photograph(sample.image), "jpeg")),
            ("ground truth", data_uri(images.label_image(sample.ground_truth, colors), "png")),
            ("prediction", data_uri(images.label_image(sample.prediction, colors), "png")),
        ],
    )


def _exported_accuracy(results: Results) -> str:
    """The mean IoU of predict; with its images if they differ from those of the network's own figures."""
    runtime, evaluation = results.runtime or RuntimeSection(), results.evaluation
    figure = wording.percent(runtime.mean_iou, sign=" %")
    if runtime.mean_iou is None or evaluation is None or runtime.dataset is None:
        return figure
    place = runtime.dataset, runtime.split, runtime.images
    if place == (evaluation.dataset, evaluation.split, evaluation.accuracy.images):
        return figure
    return (
        f"{figure} ({wording.dataset_title(runtime.dataset)} {runtime.split}, {wording.count(runtime.images)} images)"
    )


def _file_row(name: str, file: ExportedFile) -> list[str]:
    return [
        name,
        file.precision or wording.UNKNOWN,
        wording.file_size(file.bytes),
        wording.image_size(file.input_size),
        wording.percent(file.label_parity, 3),
        wording.significant(file.largest_logit_difference, 2),
    ]


def _measured(results: Results) -> Iterator[tuple[str, Measured]]:
    """The title and section of each measurement."""
    if results.training:
        yield "training", results.training
    if results.evaluation:
        yield "accuracy", results.evaluation
    for name, file in (results.export or ExportSection()).files.items():
        yield f"export of {name}", file
    if results.precision:
        yield "precisions", results.precision
    if results.runtime:
        yield "speed", results.runtime
    if results.robustness:
        yield "robustness", results.robustness


def _measured_row(title: str, figures: Measured, usual: Provenance) -> list[str]:
    """A row on the section `figures`; lists the versions that differ from `usual`."""
    own = figures.provenance
    others = [f"{name} {version}" for name, version in (own.versions or {}).items()
              if (usual.versions or {}).get(name) != version]  # fmt: skip
    return [
        title,
        wording.dataset_title(figures.dataset),
        figures.split or wording.UNKNOWN,
        wording.date(own.date),
        wording.commit(own.commit),
        wording.machine(own.machine),
        ", ".join(others) or wording.UNKNOWN,
    ]


def _settings(recipe: Mapping[str, Any], prefix: str = "") -> Iterator[Fact]:
    """The settings by name in words; nested ones, such as the optimizer's, follow the name of their part."""
    for name, value in recipe.items():
        title = prefix + " ".join(_TERMS.get(word, word) for word in name.split("_"))
        if isinstance(value, Mapping):
            if "name" in value:
                yield title, str(value["name"])
            yield from _settings({key: item for key, item in value.items() if key != "name"}, f"{title}: ")
        else:
            yield title, wording.setting(value)
