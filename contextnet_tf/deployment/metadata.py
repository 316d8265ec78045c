"""What stands beside an exported file: a JSON that says what the file takes, gives and was made from."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json
from contextnet_tf.models.sizes import size_multiple


def metadata_path(path: str | os.PathLike) -> pathlib.Path:
    """Where the metadata of an exported file stand: model.json beside model.tflite, or in a SavedModel."""
    path = pathlib.Path(path)
    return path / "model.json" if path.is_dir() else path.with_suffix(".json")


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """The metadata of the exported file `path`; empty where none stand beside it.

    Raises:
      InputError: they are there, but not as the export writes them.
    """
    beside = metadata_path(path)
    if not beside.exists():
        return {}
    metadata = read_json(beside)
    if not isinstance(metadata, dict) or not isinstance(metadata.get("image"), dict):
        raise InputError(f"{beside}: does not describe an exported network; move it away, or export again")
    return metadata


def describe(network: keras.Model, dataset: Dataset | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a file of `network`, which has a fixed size, with further `facts` about the file.

    Raises:
      InputError: the network has another number of classes than the dataset.
    """
    num_classes = network.output["main"].shape[-1]
    if dataset is not None and dataset.num_classes != num_classes:
        raise InputError(
            f"network {network.name!r} tells {num_classes} classes apart, dataset {dataset.name!r} has "
            f"{dataset.num_classes}"
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
