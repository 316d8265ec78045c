"""The sections of the report about the network, its speed, and where the figures come from.

Each function takes the sections of a result.json; empty Markup where nothing was recorded.
"""

from collections.abc import Mapping
from typing import Any

from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.page import Markup, columns, element, facts, join, section
from contextnet_tf.runs.layout import SAVED_MODEL, TFLITE
from contextnet_tf.runs.provenance import Machine
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.sections import (
    DatasetSection,
    EvaluationSection,
    ExportSection,
    ModelSection,
    RuntimeSection,
    TrainingSection,
)

_PAPER_SIZE = (1024, 2048)  # height, width of the images in Table 4


def network_section(results: Results) -> Markup:
    """Parameters, multiply-adds, and the exported files."""
    model, runtime = results.model or ModelSection(), results.runtime or RuntimeSection()
    files = (results.export or ExportSection()).files
    saved_model, tflite = (files.get(name) for name in (SAVED_MODEL, TFLITE))
    float_files = [file for file in (saved_model, tflite) if file]
    parity = min((x.label_parity for x in float_files if x.label_parity is not None), default=None)
    difference = max((x.largest_logit_difference or 0.0 for x in float_files), default=None)
    printed = paper.variant(model.name or "")
    work = wording.magnitude(model.multiply_adds)
    if work != wording.UNKNOWN and model.input_size:
        work += f" at {wording.image_size(model.input_size)}"
    network = facts(
        {
            "network": model.name,
            "classes": model.num_classes,
            "parameters": wording.count(model.parameters),
            "with batch normalization folded": wording.count(model.parameters_folded),
            "in the paper (Table 4)": f"{printed.million_parameters} M, 19 classes" if printed else None,
            "multiply-adds an image": work,
            "layers": model.layers,
        }
    )
    exported = facts(
        {
            "SavedModel": _path(saved_model and saved_model.path),
            "TFLite": _path(tflite and tflite.path),
            "size of the TFLite file": wording.file_size(tflite and tflite.bytes),
            "image (height × width)": wording.image_size(next((x.input_size for x in float_files), None)),
            "pixels with the network's own label": wording.percent(parity, 3, " %"),
            "largest difference of a logit": wording.significant(difference, 2),
            "mean IoU of the exported file": wording.percent(runtime.mean_iou, sign=" %"),
        }
    )
    parts = columns({"Network": network, "Exported files": exported})
    return section("network", "Network and files", parts) if parts else Markup()


def speed_section(results: Results) -> Markup:
    """Frames a second, and how they were measured."""
    runtime = results.runtime
    if runtime is None or runtime == RuntimeSection():
        return Markup()
    machine = runtime.provenance.machine or Machine()
    lead = (
        "Each image is timed alone, from its pixels in memory to one label for each of them. "
        "The figure is the median, the spread is from the fastest tenth to the slowest tenth."
    )
    measured = facts(
        {
            "frames a second": wording.decimal(runtime.frames_per_second),
            "milliseconds an image": wording.decimal(runtime.milliseconds_median),
            "spread": wording.milliseconds(runtime.milliseconds_spread),
            "image (height × width)": wording.image_size(runtime.size),
            "images": wording.count(runtime.images),
            "engine": wording.engine_title(runtime.engine),
            "threads": runtime.threads,
            "processor": machine.processor,
        }
    )
    printed = paper.variant((results.model or ModelSection()).name or "")
    note = Markup()
    if printed:
        note = element(
            "p",
            f"The paper prints {printed.frames_per_second} frames a second for {printed.name} at "
            f"{wording.image_size(_PAPER_SIZE)} on an Nvidia Titan X (Table 4).",
            class_="note",
        )
    return section("speed", "Speed", element("p", lead), element("div", measured, class_="columns"), note)


def provenance_section(results: Results) -> Markup:
    """Every flag of every program, versions, machine, commit, date."""
    evaluation, training = results.evaluation or EvaluationSection(), results.training or TrainingSection()
    provenance = evaluation.provenance if results.evaluation else training.provenance
    machine = provenance.machine or Machine()
    data = results.dataset or DatasetSection()
    origin = facts(
        {
            "date": provenance.date,
            "commit": _path(provenance.commit),
            "checkpoint": _path(evaluation.checkpoint),
            "data": _path(data.data_dir),
            "processor": machine.processor,
            "usable cores": machine.cores,
            "memory": wording.memory(machine.memory_gib),
            "system": machine.system,
        }
    )
    parts = columns({"Origin": origin, "Versions": facts(provenance.versions or {})})
    programs = [_program(name, flags) for name, flags in results.flags.items()]
    if not parts and not programs:
        return Markup()
    if programs:
        programs = [element("h3", "Programs and their flags"), *programs]
    return section("origin", "Where the figures come from", parts, element("div", join(programs)))


def _program(name: str, flags: Mapping[str, Any]) -> Markup:
    given = {flag: wording.setting(value) for flag, value in flags.items()}
    count = f"{len(given)} flag{'s' if len(given) != 1 else ''}"
    title = join([element("code", name), element("span", count, class_="note")])
    line = element("pre", element("code", wording.command(name, flags)))
    return element("details", join([element("summary", title), line, facts(given)]))


def _path(value: str | None) -> Markup | None:
    return None if not value else element("span", value, class_="path")
