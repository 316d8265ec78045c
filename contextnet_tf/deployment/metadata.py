"""The metadata of an exported file: a JSON beside the file that describes its input, output and origin."""

import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json, write_json
from contextnet_tf.runs.migration import migrated_metadata

# The choices of an export: here, so that programs name them without loading TensorFlow.
FORMATS = ("saved_model", "tflite", "onnx")
DEFAULT_FORMATS = FORMATS[:2]  # ONNX needs an extra
# On CamVid, the accuracy drop with 4, 16, 50, 100 and 367 calibration images was 0.22, 0.29, 0.27, 0.33 and 0.25 points
# of mean IoU: no clear winner. 50 images take five seconds and probably include rare scenes.
CALIBRATION_IMAGES = 50
OUTPUTS = ("logits", "labels", "probabilities")
ONNX_OUTPUTS = OUTPUTS[:2]
IMAGE_TYPES = ("uint8", "float32")  # of ONNX files
SAVED_MODEL_FILE = "saved_model.pb"  # in every SavedModel folder


def is_saved_model(path: str | os.PathLike) -> bool:
    """Whether `path` is a SavedModel folder."""
    return (pathlib.Path(path) / SAVED_MODEL_FILE).is_file()


def metadata_path(path: str | os.PathLike) -> pathlib.Path:
    """The path of the metadata of an exported file: model.json beside model.tflite, or in a SavedModel folder."""
    path = pathlib.Path(path)
    return path / "model.json" if path.is_dir() else path.with_suffix(".json")


def write_metadata(path: str | os.PathLike, metadata: Mapping[str, Any], content: bytes | None = None) -> None:
    """Writes the metadata of the exported file or folder `path`, with the SHA-256 of a file's `content`."""
    digest = {} if content is None else {"sha256": hashlib.sha256(content).hexdigest()}
    write_json(metadata_path(path), {**metadata, **digest})


def read_metadata(path: str | os.PathLike, content: bytes | None = None) -> dict[str, Any]:
    """The metadata of the exported file `path` with today's key names; empty if there is no JSON.

    The `content` of the file, if given, must have the recorded SHA-256. Older JSON files record none.

    Raises:
      InputError: the JSON exists, but the export did not write it, a value has another type, or it belongs to another
        content.
    """
    beside = metadata_path(path)
    if not beside.exists():
        return {}
    read = read_json(beside)
    metadata = migrated_metadata(read) if isinstance(read, dict) else {}
    if not isinstance(metadata.get("image"), dict):
        raise InputError(f"{beside}: does not describe an exported network; move it to another folder, or export again")
    wrong = wrong_value(metadata)
    if wrong is not None:
        raise InputError(f"{beside}: the value of {wrong!r} is not of the kind that the export writes; export again")
    digest = metadata.get("sha256")
    if content is not None and digest is not None and digest != hashlib.sha256(content).hexdigest():
        raise InputError(
            f"{path}: is damaged, or {beside} belongs to another file (SHA-256 differs); copy both files again, or "
            "export again"
        )
    return metadata


def require_described(
    path: str | os.PathLike, metadata: Mapping[str, Any], *, size: tuple[int, int], output: list[int]
) -> None:
    """Checks that the file `path`, for images of `size` and with an output of the shape `output`, fits its metadata.

    Raises:
      InputError: the size, the kind of output or the number of classes differs.
    """
    image = metadata.get("image", {})
    facts = (
        ("image size", image.get("size"), list(size)),
        ("number of classes", metadata.get("num_classes"), output[3] if len(output) == 4 else None),
        ("output factor", metadata.get("output_factor"), size[0] // output[1]),
        ("output of labels", metadata["output"] == "labels" if "output" in metadata else None, len(output) == 3),
    )
    for name, described, actual in facts:
        if None not in (described, actual) and described != actual:
            raise InputError(
                f"{metadata_path(path)}: belongs to another file: its {name} is {described}, that of {path} is "
                f"{actual}; copy the file with its own JSON"
            )


def wrong_value(metadata: Mapping[str, Any], *, any_size: bool = False) -> str | None:
    """The name of the first value of a wrong type; None if there is none. `image` must be a dict.

    `any_size`: the size may be null, as in an ONNX file for images of any size.
    """
    image, num_classes = metadata["image"], metadata.get("num_classes")
    checks: tuple[tuple[Mapping[str, Any], str, Callable[[Any], bool]], ...] = (
        (image, "size", lambda x: (any_size and x is None) or _is_size(x)),
        (image, "size_multiple", _is_count),
        (metadata, "num_classes", _is_count),
        (metadata, "classes", lambda x: _are_classes(x) and (not x or num_classes in (None, len(x)))),
        (metadata, "output", lambda x: x in OUTPUTS),
        (metadata, "output_factor", _is_count),
        (metadata, "dataset", lambda x: isinstance(x, str | None)),
        (metadata, "class_table", lambda x: isinstance(x, dict | None)),
        (metadata, "sha256", lambda x: isinstance(x, str)),
    )
    return next((name for part, name, is_right in checks if name in part and not is_right(part[name])), None)


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))


def _are_classes(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_class, value))


def _is_class(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return False
    color = value.get("color")
    return isinstance(color, list) and len(color) == 3 and all(type(x) is int and 0 <= x <= 255 for x in color)
