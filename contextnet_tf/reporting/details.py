"""The sections of the report about the network, its speed, and where the figures come from.

Each function takes the sections of a result.json; empty Markup where nothing was recorded.
"""

from collections.abc import Mapping
from typing import Any

from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.page import Markup, columns, element, facts, join, section

Results = Mapping[str, Any]

_PAPER_SIZE = [1024, 2048]  # height, width of the images in Table 4


def network_section(results: Results) -> Markup:
    """Parameters, multiply-adds, and the exported files."""
    model, export = results.get("model", {}), results.get("export", {})
    runtime = results.get("runtime", {})
    printed = paper.variant(model.get("name", ""))
    work = wording.magnitude(model.get("multiply_adds"))
    if work != wording.UNKNOWN and model.get("input_size"):
        work += f" at {wording.image_size(model['input_size'])}"
    network = facts(
        {
            "network": model.get("name"),
            "classes": model.get("num_classes"),
            "parameters": wording.count(model.get("parameters")),
            "with batch normalization folded": wording.count(model.get("parameters_folded")),
            "in the paper (Table 4)": f"{printed.million_parameters} M, 19 classes" if printed else None,
            "multiply-adds a image": work,
            "layers": model.get("layers"),
        }
    )
    exported = facts(
        {
            "SavedModel": _path(export.get("saved_model")),
            "TFLite": _path(export.get("tflite")),
            "size of the TFLite file": wording.file_size(export.get("tflite_bytes")),
            "image (height × width)": wording.image_size(export.get("input_size")),
            "pixels with the network's own label": wording.percent(export.get("label_parity"), 3, " %"),
            "largest difference of a logit": wording.significant(export.get("largest_logit_difference"), 2),
            "mean IoU of the exported file": wording.percent(runtime.get("mean_iou"), sign=" %"),
        }
    )
    parts = columns({"Network": network, "Exported files": exported})
    return section("network", "Network and files", parts) if parts else Markup()


def speed_section(results: Results) -> Markup:
    """Frames a second, and how they were measured."""
    runtime, machine = results.get("runtime", {}), results.get("machine", {})
    if not runtime:
        return Markup()
    lead = (
        "Each image is timed alone, from its pixels in memory to one label for each of them. "
        "The figure is the median, the spread is from the fastest tenth to the slowest tenth."
    )
    measured = facts(
        {
            "frames a second": wording.decimal(runtime.get("frames_per_second")),
            "milliseconds a image": wording.decimal(runtime.get("milliseconds_median")),
            "spread": wording.milliseconds(runtime.get("milliseconds_spread")),
            "image (height × width)": wording.image_size(runtime.get("size")),
            "images": wording.count(runtime.get("images")),
            "engine": wording.engine_title(runtime.get("engine")),
            "threads": runtime.get("threads"),
            "processor": machine.get("processor"),
        }
    )
    printed = paper.variant(results.get("model", {}).get("name", ""))
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
    machine = results.get("machine", {})
    data = results.get("dataset", {})
    origin = facts(
        {
            "date": results.get("date"),
            "commit": _path(results.get("commit")),
            "checkpoint": _path(results.get("evaluation", {}).get("checkpoint")),
            "data": _path(data.get("data_dir")),
            "processor": machine.get("processor"),
            "usable cores": machine.get("cores"),
            "memory": wording.memory(machine.get("memory_gib")),
            "system": machine.get("system"),
        }
    )
    parts = columns({"Origin": origin, "Versions": facts(results.get("versions", {}))})
    programs = [_program(name, flags) for name, flags in results.get("flags", {}).items()]
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
