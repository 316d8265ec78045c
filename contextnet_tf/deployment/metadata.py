"""What stands beside an exported file: a JSON that says what the file takes, gives and was made from."""

import os
import pathlib
from typing import Any

from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json


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
    if not isinstance(metadata, dict) or not isinstance(metadata.get("picture"), dict):
        raise InputError(f"{beside}: does not describe an exported network; move it away, or export again")
    return metadata
