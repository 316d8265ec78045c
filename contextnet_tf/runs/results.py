"""result.json: the figures of a run, in sections that programs write and pages and tables read.

A program writes its section as follows; other sections and other programs' flags stay in the file:

    provenance = current_provenance()  # when it starts
    ensure_updatable(output_dir)
    ...
    section = EvaluationSection(Accuracy.of(report), "best.keras", dataset="camvid", split="val", provenance=provenance)
    update_results(output_dir, section, flags={"evaluate": given_flags})

Readers use attributes, such as `read_results(run_dir).evaluation.accuracy.mean_iou`; a missing section is None. No key
of the file is spelled outside of this package. The dataclasses of the sections are in `sections` (of a run),
`studies` (of accuracy) and `benchmarks`. A new field gets a default, so that older files can be read; a field that
is renamed or moved gets a new FORMAT_VERSION and a step in `migration`.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_type_hints

from contextnet_tf import files
from contextnet_tf.errors import InputError
from contextnet_tf.runs.benchmarks import InputSection, RuntimeComparisonSection, TrainingSpeedSection
from contextnet_tf.runs.layout import RESULT
from contextnet_tf.runs.migration import migrated_results
from contextnet_tf.runs.provenance import Provenance
from contextnet_tf.runs.records import FieldError, Record, decoded, plain
from contextnet_tf.runs.sections import (
    AveragedEvaluationSection,
    DatasetSection,
    EvaluationSection,
    ExportSection,
    ModelSection,
    RuntimeSection,
    TrainingSection,
)
from contextnet_tf.runs.studies import (
    AblationSection,
    BranchesSection,
    LeaveOneOutSection,
    PrecisionSection,
    PruningSection,
    RobustnessSection,
)

FORMAT_VERSION = 1  # 0: version 0.1, which wrote none
_VERSION_KEY = "format_version"


@dataclasses.dataclass(frozen=True)
class Results(Record):
    """The sections of a result.json; None for missing ones. `flags`: program -> its flags."""

    model: ModelSection | None = None
    dataset: DatasetSection | None = None
    training: TrainingSection | None = None
    evaluation: EvaluationSection | None = None
    averaged_evaluation: AveragedEvaluationSection | None = None
    export: ExportSection | None = None
    runtime: RuntimeSection | None = None
    precision: PrecisionSection | None = None
    runtime_comparison: RuntimeComparisonSection | None = None
    ablation: AblationSection | None = None
    leave_one_out: LeaveOneOutSection | None = None
    pruning: PruningSection | None = None
    branches: BranchesSection | None = None
    robustness: RobustnessSection | None = None
    input: InputSection | None = None
    training_speed: TrainingSpeedSection | None = None
    flags: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


# What programs measure of the network of a run: program -> sections.
_OF_NETWORK = {
    "evaluate": ("evaluation", "averaged_evaluation"),
    "export": ("export",),
    "predict": ("runtime",),
    "compare_precision": ("precision",),
    "analyze_branches": ("branches",),
    "evaluate_robustness": ("robustness",),
}

# The key of each kind of section.
_NAMES = {get_args(hint)[0]: name for name, hint in get_type_hints(Results).items() if name != "flags"}


def ensure_updatable(run_dir: str | os.PathLike) -> pathlib.Path:
    """Creates the folder if missing; a program calls this before its work, so that `update_results` succeeds after it.

    Raises:
      InputError: the folder cannot be written; or its result.json is damaged or of a newer version.
    """
    folder = files.ensure_writable_dir(run_dir)
    read_results(folder, missing_ok=True)
    return folder


def update_results(
    run_dir: str | os.PathLike, *sections: Record, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Writes `sections`, and `flags` by program, to `run_dir`/result.json, atomically.

    A section replaces the one of its type, and a program's flags replace its earlier ones; everything else stays. Two
    simultaneous calls may lose a section.

    Raises:
      InputError: the existing file is damaged or of a newer version, or the folder cannot be written.
    """
    path = pathlib.Path(run_dir) / RESULT
    content = _read(path) if path.exists() else {}
    _decoded(path, content)
    for section in sections:
        content[_NAMES[type(section)]] = section.to_json()
    if flags is not None:
        content["flags"] = {**content.get("flags", {}), **plain(dict(flags))}
    _write(path, content)


def remove_outdated(run_dir: str | os.PathLike) -> list[str]:
    """Removes from `run_dir`/result.json what programs measured of the run's network, which training has replaced.

    Returns: the names of these programs; their flags are removed, too.

    Raises:
      InputError: the file is damaged or of a newer version, or the folder cannot be written.
    """
    path = pathlib.Path(run_dir) / RESULT
    content = _read(path)
    programs = [program for program, sections in _OF_NETWORK.items() if not content.keys().isdisjoint(sections)]
    for program in programs:
        for section in _OF_NETWORK[program]:
            content.pop(section, None)
        content.get("flags", {}).pop(program, None)
    if programs:
        _write(path, content)
    return programs


def read_results(run_dir: str | os.PathLike, *, missing_ok: bool = False) -> Results:
    """The sections of `run_dir`/result.json; none if the file is missing and `missing_ok`.

    A file of version 0.1 is converted.

    Raises:
      InputError: the file is missing, is not JSON, was written by a newer version, or a value has a wrong type.
    """
    path = pathlib.Path(run_dir) / RESULT
    if not os.path.exists(path):  # not `path.exists`, which raises OSError for a name that is too long
        if missing_ok:
            return Results()
        raise InputError(f"{path}: is missing; give the folder of a run that train or evaluate wrote")
    return _decoded(path, _read(path))


def recorded_dataset(
    folders: Iterable[str | os.PathLike], name: str | None, data_dir: str | None
) -> tuple[str | None, str | None]:
    """The dataset's name and folder: as given, otherwise as recorded in the first result.json in `folders`.

    A recorded folder applies only to the recorded dataset. Both may be None.

    Raises:
      InputError: a result.json is damaged.
    """
    recorded = _recorded(folders)
    name = name or recorded.name
    if data_dir is None and recorded.name == name:
        data_dir = recorded.data_dir
    return name, data_dir


def recorded_class_table(folders: Iterable[str | os.PathLike], name: str | None) -> dict[str, Any] | None:
    """The class table of the dataset `name`, for `get_dataset`, from the first result.json in `folders`.

    None if that file names another dataset, or one without a class table.

    Raises:
      InputError: a result.json is damaged.
    """
    recorded = _recorded(folders)
    return recorded.class_table if recorded.name == name else None


def recorded_classes(folders: Iterable[str | os.PathLike]) -> tuple[str, ...]:
    """The names of the classes that a network was trained on, from the first result.json in `folders`.

    Empty if none names them.

    Raises:
      InputError: a result.json is damaged.
    """
    return tuple(entry.name for entry in _recorded(folders).classes)


def _recorded(folders: Iterable[str | os.PathLike]) -> DatasetSection:
    """The section "dataset" of the first result.json in `folders` that has one; otherwise an empty one."""
    for folder in folders:
        section = read_results(folder, missing_ok=True).dataset
        if section:
            return section
    return DatasetSection()


def _read(path: pathlib.Path) -> dict[str, Any]:
    """The content of a result.json in today's form."""
    content = files.read_json(path, remedy="restore it, or remove it and run the programs again")
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no JSON object of sections; was it written by another program?")
    version = content.get(_VERSION_KEY, 0)
    if type(version) is not int or version < 0:
        raise InputError(f"{path}: {_VERSION_KEY} is {version!r}, not a whole number; run the programs again")
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path}: has {_VERSION_KEY} {version}, and this version of contextnet_tf reads up to {FORMAT_VERSION}; "
            "update contextnet_tf"
        )
    if version == 0:
        _checked(path, Provenance, content)
        return migrated_results(content)
    return content


def _write(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    sections = {name: value for name, value in content.items() if name != _VERSION_KEY}
    files.write_json(path, {_VERSION_KEY: FORMAT_VERSION, **sections})


def _decoded(path: pathlib.Path, content: Mapping[str, Any]) -> Results:
    return _checked(path, Results, content)


def _checked(path: pathlib.Path, kind: Any, content: Mapping[str, Any]) -> Any:
    try:
        return decoded(kind, content)
    except FieldError as error:
        section = error.path.partition(".")[0]
        raise InputError(
            f"{path}: section {section!r} is damaged ({error}); delete the section or run its program again"
        ) from None
