"""The metadata of an exported file: a JSON beside it that says what the file takes, gives and was made from."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json
from contextnet_tf.models.sizes import size_multiple

# The keys as version 0.1 wrote them, and their present names.
_RENAMED = {
    "picture": "image",
    "colour": "color",
    "definition": "class_table",
    "calibration_pictures": "calibration_images",
}


def metadata_path(path: str | os.PathLike) -> pathlib.Path:
    """The path of the metadata of an exported file: model.json beside model.tflite, or inside a SavedModel."""
    path = pathlib.Path(path)
    return path / "model.json" if path.is_dir() else path.with_suffix(".json")


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """The metadata of the exported file `path` by the present names of its keys; empty if no JSON is beside it.

    Raises:
      InputError: the JSON exists, but the export did not write it.
    """
    beside = metadata_path(path)
    if not beside.exists():
        return {}
    metadata = _renamed(read_json(beside))
    if not isinstance(metadata, dict) or not isinstance(metadata.get("image"), dict):
        raise InputError(f"{beside}: does not describe an exported network; move it to another folder, or export again")
    return metadata


def describe(network: keras.Model, dataset: Dataset | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a file of `network`, which has a fixed size, with further `facts` about the file by name.

    Raises:
      InputError: the network has another number of classes than the dataset.
    """
    num_classes = network.output["main"].shape[-1]
    if dataset is not None and dataset.num_classes != num_classes:
        raise InputError(
            f"network {network.name!r} has {num_classes} classes, dataset {dataset.name!r} has {dataset.num_classes}"
        )
    classes = dataset.classes if dataset else ()
    return {
        "model": network.name,
        "num_classes": num_classes,
        "classes": [{"name": x.name, "category": x.category, "color": list(x.color)} for x in classes],
        "dataset": dataset.name if dataset else None,
        "class_table": dataset.class_table if dataset else None,
        "image": {
            "size": list(network.input_shape[1:3]),
            "size_multiple": size_multiple(network),
            "type": "uint8",
            "channels": "RGB",
            "normalization": "image / 255, inside the file",
        },
        **facts,
    }


def _renamed(metadata: Any) -> Any:
    """Metadata as JSON, of this version or of 0.1, with the present names of the keys."""
    if not isinstance(metadata, dict):
        return metadata
    metadata = {_RENAMED.get(name, name): value for name, value in metadata.items()}
    classes = metadata.get("classes")
    if isinstance(classes, list):
        metadata["classes"] = [_renamed(entry) for entry in classes]
    return metadata
