"""The metadata of an exported file: a JSON beside it that says what the file takes, gives and was made from."""

import os
import pathlib
from typing import Any

from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json

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


def _renamed(metadata: Any) -> Any:
    """Metadata as JSON, of this version or of 0.1, with the present names of the keys."""
    if not isinstance(metadata, dict):
        return metadata
    metadata = {_RENAMED.get(name, name): value for name, value in metadata.items()}
    classes = metadata.get("classes")
    if isinstance(classes, list):
        metadata["classes"] = [_renamed(entry) for entry in classes]
    return metadata
