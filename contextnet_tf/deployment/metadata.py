"""The metadata of an exported file: a JSON beside the file that describes its input, output and origin."""

import os
import pathlib
from typing import Any

from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json
from contextnet_tf.runs.migration import migrated_metadata


def is_saved_model(path: str | os.PathLike) -> bool:
    """Whether `path` is a SavedModel folder."""
    return (pathlib.Path(path) / "saved_model.pb").is_file()


def metadata_path(path: str | os.PathLike) -> pathlib.Path:
    """The path of the metadata of an exported file: model.json beside model.tflite, or in a SavedModel folder."""
    path = pathlib.Path(path)
    return path / "model.json" if path.is_dir() else path.with_suffix(".json")


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """The metadata of the exported file `path` with today's key names; empty if there is no JSON.

    Raises:
      InputError: the JSON exists, but the export did not write it.
    """
    beside = metadata_path(path)
    if not beside.exists():
        return {}
    content = read_json(beside)
    metadata = migrated_metadata(content) if isinstance(content, dict) else {}
    if not isinstance(metadata.get("image"), dict):
        raise InputError(f"{beside}: does not describe an exported network; move it to another folder, or export again")
    return metadata
