"""The meaning of --checkpoint and --dataset: opening a network, finding a dataset and listing its examples."""

import filecmp
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from contextnet_tf.datasets.catalog import Dataset, get_dataset
from contextnet_tf.datasets.labels import differing_classes
from contextnet_tf.datasets.sources import Example
from contextnet_tf.deployment.engines import ENGINE_OF_SUFFIX, engine_for
from contextnet_tf.deployment.metadata import is_saved_model
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.files import file_size
from contextnet_tf.machine import available_cores
from contextnet_tf.models.loading import BEST_NETWORK, load_network, network_path
from contextnet_tf.presets import resolved
from contextnet_tf.runs import layout
from contextnet_tf.runs.results import recorded_class_table, recorded_classes, recorded_dataset
from experiments import load_tensorflow
from experiments.progress import progress_bar

if TYPE_CHECKING:
    import keras


def is_exported(checkpoint: str | os.PathLike) -> bool:
    """Whether `checkpoint` is an exported file: a .tflite file, a .onnx file or a SavedModel folder."""
    path = pathlib.Path(resolved(checkpoint))
    return path.suffix.lower() in ENGINE_OF_SUFFIX or is_saved_model(path)


def checkpoint_file(checkpoint: str | os.PathLike, *, exported: bool = False, suffix: str = ".tflite") -> pathlib.Path:
    """The file or SavedModel folder that `checkpoint` refers to.

    Args:
      checkpoint: an exported file, a .keras file, the folder of a run, or "preset:NAME".
      exported: for a run folder, export/model.tflite or its only exported TFLite file instead of best.keras.
      suffix: ".onnx": the ONNX file instead of the TFLite file.

    Raises:
      InputError: there is no such file.
    """
    path = pathlib.Path(resolved(checkpoint))
    if is_exported(path):
        if not path.exists():
            raise InputError(f"{path}: is not a file; experiments.export writes such files")
        return path
    if exported and path.is_dir():
        file = (path / layout.EXPORT / layout.TFLITE).with_suffix(suffix)
        others = sorted(file.parent.glob(f"*{suffix}"))
        if not file.is_file() and len(others) > 1:
            names = ", ".join(x.name for x in others)
            raise InputError(f"{path}: holds several exported files, none of them {file.name}; give one: {names}")
        if not file.is_file() and not others:
            raise InputError(f"{path}: holds no {file.relative_to(path)}; run experiments.export first")
        return file if file.is_file() else others[0]
    return network_path(path)


def recording_dirs(path: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """The folders whose result.json may describe the file `path`: its own, and for an exported file the parent."""
    return tuple(path.parents[:2]) if is_exported(path) else (path.parent,)


def open_network(checkpoint: str | os.PathLike, *, model: str | None = None) -> "keras.Model":
    """The Keras network in a .keras file, in the folder of a run, or of "preset:NAME".

    Raises:
      InputError: there is none, it is damaged, or its name is not `model`; or `checkpoint` is an exported file.
    """
    if is_exported(checkpoint):
        raise InputError(f"{checkpoint}: is an exported file; a .keras file or the folder of a run is needed here")
    load_tensorflow("a .keras file")
    return load_network(resolved(checkpoint), model=model)


def open_segmenter(path: str | os.PathLike, *, engine: str | None = None, **settings: Any) -> Segmenter:
    """A `Segmenter` of the file `path`; `engine` None: see `engine_for`.

    `settings` are those of `Segmenter`. num_threads defaults to all cores that this process may use, except for
    TensorFlow.

    Raises:
      InputError: the file is missing or damaged, or the engine cannot run it.
    """
    engine = engine or engine_for(path)
    if engine == "tensorflow":
        load_tensorflow("the engine tensorflow")
    else:
        settings.setdefault("num_threads", available_cores())
    return Segmenter(path, engine=engine, **settings)


class FoundDataset(NamedTuple):
    """A dataset, and the folder that holds it; None: its default folder."""

    dataset: Dataset
    data_dir: str | None


def find_dataset(
    *,
    dataset: str | None,
    data_dir: str | None = None,
    class_table: dict[str, Any] | None = None,
    recorded_in: Sequence[str | os.PathLike] = (),
    default: str | None = None,
) -> FoundDataset | None:
    """The given dataset, else the one in the first result.json in the folders `recorded_in`, else `default`.

    A recorded folder or class table applies only to the recorded dataset.

    Returns: None if no dataset is given, recorded or default.

    Raises:
      InputError: there is no such dataset, its class table is missing or wrong, or a result.json is damaged.
    """
    name, data_dir = recorded_dataset(recorded_in, dataset, data_dir)
    name = name or default
    if name is None:
        return None
    return FoundDataset(get_dataset(name, class_table or recorded_class_table(recorded_in, name)), data_dir)


def dataset_of(checkpoint: str | os.PathLike, **given: Any) -> FoundDataset:
    """As `find_dataset`, but a dataset is required.

    Raises:
      InputError: no dataset is given or recorded; and as `find_dataset`.
    """
    found = find_dataset(**given)
    if found is None:
        raise InputError(f"{checkpoint}: no result.json beside it records a dataset; set --dataset=...")
    return found


def list_examples(dataset: Dataset, data_dir: str | None, split: str) -> list[Example]:
    """The examples of a split, with a note where cities are missing; a prepared split is first extracted to files.

    Raises:
      InputError: the folder is missing, empty or in another layout, or a file has no partner.
    """
    if dataset.prepared and data_dir:
        load_tensorflow(f"the dataset {dataset.name}")
        extract(dataset, data_dir, split)
    listing = dataset.listing(data_dir, split)
    missing = dataset.missing_examples_note(split, listing.examples) if dataset.part_sizes else None
    # Before the problems: what was skipped may be what is missing.
    for note in [missing, *listing.notes] if missing else listing.notes:
        print(f"note: {note}", file=sys.stderr)
    return listing.complete()


def extract(dataset: Dataset, data_dir: str, split: str) -> None:
    """Extracts a prepared split to files unless that is done; prints its size first and shows a progress bar.

    Raises:
      InputError: the split is not prepared, or there is too little disk space.
    """
    pending = dataset.prepared.pending(data_dir, split)
    if not pending:
        return
    print(
        f"note: {split} of {dataset.name} is extracted to files once: {pending.examples:,} examples, "
        f"{file_size(pending.num_bytes)}, in {pending.folder}",
        file=sys.stderr,
    )
    with progress_bar(total=pending.examples, desc="extracting", unit="image") as bar:
        dataset.prepared.extract(data_dir, split, on_example=bar.update)


def require_classes(
    checkpoint: str | os.PathLike,
    num_classes: int,
    dataset: Dataset,
    *,
    metadata: Mapping[str, Any] | None = None,
    remedy: str = "set --dataset to the one that it was trained on",
) -> None:
    """Checks that the network in `checkpoint`, which has `num_classes` classes, has those of the dataset, in order.

    Names are compared where the `metadata` that an exported file was opened with, or the result.json of its run, holds
    them. `remedy` is what the error advises.

    Raises:
      InputError: the classes differ.
    """
    expected = f"dataset {dataset.name!r} has"
    if num_classes != dataset.num_classes:
        raise InputError(
            f"{checkpoint}: the network has {num_classes} classes, {expected} {dataset.num_classes}; {remedy}"
        )
    metadata = metadata or {}
    classes = metadata.get("classes")
    names = [row["name"] for row in classes] if classes else recorded_classes(recording_dirs(pathlib.Path(checkpoint)))
    difference = differing_classes(names, [row.name for row in dataset.classes])
    if difference:
        raise InputError(f"{checkpoint}: its classes and those of {dataset.name!r} are {difference}; {remedy}")


def require_own_results(output_dir: str | os.PathLike, path: pathlib.Path) -> None:
    """Checks that the figures of the network in `path` are not written into the run folder of another network.

    Exported files are not checked, as they do not name their run.

    Raises:
      InputError: `output_dir` is the folder of a run with another network.
    """
    own = pathlib.Path(output_dir) / BEST_NETWORK
    if path.suffix.lower() == ".keras" and own.is_file() and not filecmp.cmp(own, path, shallow=False):
        raise InputError(
            f"{output_dir}: holds the run of another network than {path}, whose result.json must not get these "
            "figures; choose another --output_dir"
        )
