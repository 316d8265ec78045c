"""Converts files of a run from version 0.1 to today's names and structure.

Version 0.1 wrote no format version. Only names and nesting change here; the readers check types.
"""

from collections.abc import Callable, Mapping
from typing import Any

from contextnet_tf.renamed import CLASS, DATASET, FLAGS, IMAGES, METADATA, RECIPE, SETTINGS

_RECIPE_EPOCHS = {"paper": 1000, "short": 60, "modern": 400, "smoke": 1}
_ENVIRONMENT = ("versions", "machine", "commit", "date")
# Programs that wrote the one environment of the file, and the sections that each wrote with it.
_WRITERS = {
    "train": ("training", "evaluation"),
    "evaluate": ("evaluation",),
    "compare_precision": ("precision",),
    "compare_runtime": ("runtime_comparison",),
    "ablate_recipe": ("ablation",),
    "benchmark_input": ("input",),
    "benchmark_training": ("training_speed",),
}


def migrated_settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a settings.json without a format version to version 2."""
    parts = {"recipe": RECIPE, "compute_config": {"precision": "dtype_policy"}}
    return {
        name: _renamed(value, parts[name]) if name in parts and isinstance(value, Mapping) else value
        for name, value in _renamed(content, SETTINGS).items()
    }


def migrated_results(content: Mapping[str, Any]) -> dict[str, Any]:
    """Converts the sections of a result.json of version 0 to version 1."""
    sections = {name: value for name, value in content.items() if name not in _ENVIRONMENT}
    steps: dict[str, Callable[[Any], Any]] = {
        "dataset": _dataset,
        "training": _training,
        "evaluation": lambda section: _renamed(section, IMAGES),
        "export": _export,
        "runtime": lambda section: _renamed(section, IMAGES),
        "runtime_comparison": _runtime_comparison,
        "ablation": _ablation,
        "input": lambda section: _renamed(section, IMAGES),
        "training_speed": _training_speed,
        "precision": _precision,
        "flags": lambda programs: _each(programs, _program_flags),
    }
    for name, step in steps.items():
        if name in sections:
            sections[name] = step(sections[name])
    _place_dataset(sections)
    _place_environment(sections, {name: content[name] for name in _ENVIRONMENT if name in content})
    return sections


def migrated_history_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a line of history.jsonl."""
    return _renamed(entry, {"pictures_per_second": "images_per_second"})


def migrated_metadata(content: Mapping[str, Any]) -> dict[str, Any]:
    """Converts the JSON beside an exported file or in a SavedModel; today's form stays unchanged."""
    metadata: dict[str, Any] = _renamed(content, METADATA)
    image = metadata.get("image")
    if isinstance(image, dict) and image.get("normalization") == "picture / 255, inside the file":
        metadata["image"] = image | {"normalization": "image / 255, inside the file"}
    return metadata | {"classes": _classes(metadata["classes"])} if "classes" in metadata else metadata


def renamed_recipe(recipe: Any) -> Any:
    """The settings of a recipe under today's names."""
    return _renamed(recipe, RECIPE)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A copy of the object `value` with renamed keys; existing new names stay. Other values are returned unchanged."""
    if not isinstance(value, Mapping):
        return value
    return {names.get(name, name): item for name, item in value.items() if names.get(name) not in value}


def _each(value: Any, change: Callable[..., Any]) -> Any:
    """`value` with its items replaced: by `change(item)` in a list, by `change(name, item)` in an object."""
    if isinstance(value, Mapping):
        return {name: change(name, item) for name, item in value.items()}
    return [change(item) for item in value] if isinstance(value, list) else value


def _classes(classes: Any) -> Any:
    return _each(classes, lambda entry: _renamed(entry, CLASS)) if isinstance(classes, list) else classes


def _dataset(section: Any) -> Any:
    section = _renamed(section, DATASET)
    if isinstance(section, dict) and "classes" in section:
        section["classes"] = _classes(section["classes"])
    return section


def _with_recipe(section: Any) -> Any:
    if isinstance(section, Mapping) and "recipe" in section:
        return {**section, "recipe": renamed_recipe(section["recipe"])}
    return section


def _training(section: Any) -> Any:
    """Version 0 did not record the recipe's own number of epochs."""
    section = _with_recipe(section)
    recipe = section.get("recipe") if isinstance(section, dict) else None
    epochs = _RECIPE_EPOCHS.get(str(recipe.get("name"))) if isinstance(recipe, Mapping) else None
    return section if epochs is None else {**section, "recipe_epochs": epochs}


def _export(section: Any) -> Any:
    """Version 0 repeated the figures of the float32 files beside the entries of all files."""
    if not isinstance(section, Mapping):
        return section
    files = section.get("files")
    if files is None:
        section = _renamed(section, IMAGES)
        shared = ("input_size", "largest_logit_difference", "largest_logit", "label_parity", "checked_with")
        entry = {name: section[name] for name in shared if name in section}
        files = {}
        if section.get("saved_model"):
            files["saved_model"] = {"path": section["saved_model"], "precision": "float32", **entry}
        if section.get("tflite"):
            files["model.tflite"] = {
                "path": section["tflite"], "bytes": section.get("tflite_bytes"), "precision": "float32", **entry,
            }  # fmt: skip
    return {"files": _each(files, lambda _, entry: _exported_file(entry)) if isinstance(files, Mapping) else files}


def _exported_file(entry: Any) -> Any:
    entry = _renamed(entry, IMAGES)
    if isinstance(entry, dict) and isinstance(entry.get("checked_with"), str):
        entry["checked_with"] = entry["checked_with"].replace(" pictures of ", " images of ")
    return entry


def _runtime_comparison(section: Any) -> Any:
    if not isinstance(section, Mapping):
        return section

    def row(entry: Any) -> Any:
        entry = _renamed(entry, {"contender": "runtime", "label_agreement": "label_parity"})
        if isinstance(entry, dict) and isinstance(entry.get("runtime"), str):
            entry["runtime"] = entry["runtime"].replace("-inside", "-in-graph")
        return entry

    frames = section.get("frames")
    renamed = {"frames": frames.replace(" pictures of ", " images of ")} if isinstance(frames, str) else {}
    rows = section.get("rows")
    return {**section, **renamed} | ({"rows": _each(rows, row)} if isinstance(rows, list) else {})


def _ablation(section: Any) -> Any:
    """Version 0 stored changes and figures in two objects, by row name."""
    section = _with_recipe(_renamed(section, IMAGES))
    if not isinstance(section, dict) or "rows" in section:
        return section
    changes, figures = section.pop("changes", None), section.pop("mean_iou", None)
    section["given"] = _renamed(section.get("given"), FLAGS)
    if isinstance(changes, Mapping) and isinstance(figures, Mapping):
        section["rows"] = [
            {"name": name, "changes": _renamed(changes.get(name), FLAGS), "mean_iou": values}
            for name, values in figures.items()
        ]
    return section


def _training_speed(section: Any) -> Any:
    section = _with_recipe(section)
    if isinstance(section, dict) and isinstance(section.get("memory"), list):
        section["memory"] = _each(section["memory"], lambda row: _renamed(row, IMAGES))
    return section


def _precision(section: Any) -> Any:
    if not isinstance(section, Mapping) or not isinstance(section.get("files"), Mapping):
        return section
    return {**section, "files": _each(section["files"], lambda _, entry: _renamed(entry, IMAGES))}


def _program_flags(program: str, flags: Any) -> Any:
    return _renamed(flags, FLAGS | ({"precision": "dtype_policy"} if program == "train" else {}))


def _place_dataset(sections: dict[str, Any]) -> None:
    """Adds their dataset and split to the figures of accuracy and speed.

    evaluate and predict recorded both in their flags; train validated on the split of the section "dataset".
    """
    dataset, training, evaluation = (sections.get(name) for name in ("dataset", "training", "evaluation"))
    recorded = {name: dataset.get(name) for name in ("name", "split")} if isinstance(dataset, Mapping) else {}
    if isinstance(training, Mapping):
        sections["training"] = {"dataset": recorded.get("name"), "split": "train", **training}
    if isinstance(evaluation, Mapping):
        own = _flag(sections, "evaluate", "dataset") if "split" in evaluation else None
        place = {"dataset": own or recorded.get("name"), "split": recorded.get("split")}
        sections["evaluation"] = place | dict(evaluation)
    if isinstance(sections.get("runtime"), Mapping):
        place = {name: _flag(sections, "predict", name) for name in ("dataset", "split")}
        sections["runtime"] = place | sections["runtime"]


def _flag(sections: Mapping[str, Any], program: str, name: str) -> Any:
    flags = sections.get("flags")
    own = flags.get(program) if isinstance(flags, Mapping) else None
    return own.get(name) if isinstance(own, Mapping) else None


def _place_environment(sections: dict[str, Any], environment: Mapping[str, Any]) -> None:
    """Moves the file's only environment, that of its last writer, to the sections of this writer.

    If several programs may have been the last writer, only a section that all of them write gets the environment.
    """
    flags = sections.get("flags")
    writers = [set(_WRITERS[name]) for name in flags if name in _WRITERS] if isinstance(flags, Mapping) else []
    if not writers:  # no flags were recorded: train or evaluate wrote most files
        writers = [set(_WRITERS["evaluate"])]
    for name in set.intersection(*writers):
        if isinstance(sections.get(name), Mapping):
            sections[name] = {**environment, **sections[name]}
