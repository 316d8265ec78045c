"""Exports the files of a run to a staging folder, checks their parity with the network, then moves them together."""

import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import Example, read_image
from contextnet_tf.datasets.sources.example import evenly_spread
from contextnet_tf.deployment.export import PRECISIONS, export_saved_model, export_tflite
from contextnet_tf.deployment.metadata import (
    CALIBRATION_IMAGES,
    DEFAULT_FORMATS,
    FORMATS,
    ONNX_OUTPUTS,
    OUTPUTS,
    SAVED_MODEL_FILE,
)
from contextnet_tf.deployment.onnx_export import export_onnx
from contextnet_tf.deployment.parity import Parity, require_parity
from contextnet_tf.deployment.resizing import most_padding, resize_image
from contextnet_tf.deployment.tflite.layer_errors import layer_errors
from contextnet_tf.errors import InputError
from contextnet_tf.files import write_json
from contextnet_tf.folders import move_dir, require_replaceable, staging_dir
from contextnet_tf.models.inputs import padded_size
from contextnet_tf.models.sizes import size_multiple

IMAGES_TO_CHECK = 4
_SETTINGS = (  # the files that heed it, its name, its default
    ("int8", "float_layers", ()),
    ("int8", "calibration_images", None),
    ("TFLite", "tiling", True),
    ("ONNX", "image_type", "uint8"),
    ("ONNX", "dynamic_batch", False),
    ("ONNX", "dynamic_size", False),
)


@dataclasses.dataclass(frozen=True)
class Exported:
    """An exported and checked file or folder.

    Attributes:
      path: path of the file or folder.
      parity: parity with the network.
      layer_errors: for int8 files, the error of each layer; see `layer_errors.layer_errors`.
    """

    path: pathlib.Path
    parity: Parity
    layer_errors: dict[str, float] | None = None


def tflite_name(precision: str, output: str) -> str:
    """The name of a TFLite file: model.tflite for float32 logits; other names contain precision and output."""
    parts = ["model", *([precision] if precision != "float32" else []), *([output] if output != "logits" else [])]
    return f"{'_'.join(parts)}.tflite"


def onnx_name(
    output: str = "logits", *, image_type: str = "uint8", dynamic_batch: bool = False, dynamic_size: bool = False
) -> str:
    """The name of an ONNX file: model.onnx by default; other names contain what differs from the default."""
    differences = {
        "float_image": image_type != "uint8",
        output: output != "logits",
        "any_batch": dynamic_batch,
        "any_size": dynamic_size,
    }
    return f"{'_'.join(['model', *(name for name, differs in differences.items() if differs)])}.onnx"


def chosen_formats(formats: Sequence[str] | None, precision: str, output: str) -> tuple[str, ...]:
    """The formats to write: `formats` if given, otherwise the default formats that support this precision and output.

    Raises:
      InputError: precision, output or a format is unknown, or a format does not support this precision or output.
    """
    for name, value, known in (("precision", precision, PRECISIONS), ("output", output, OUTPUTS)):
        if value not in known:
            raise InputError(f"`{name}={value}`: choose from {', '.join(known)}")
    unknown = [name for name in formats or () if name not in FORMATS]
    if unknown:
        raise InputError(f"`format={unknown[0]}`: choose from {', '.join(FORMATS)}, both")
    only_tflite = (precision, output) != ("float32", "logits")
    if formats and only_tflite and "saved_model" in formats:
        raise InputError("a SavedModel has float32 weights, logits and labels: leave out `precision` and `output`")
    if formats and "onnx" in formats and (precision != "float32" or output not in ONNX_OUTPUTS):
        raise InputError("an ONNX file has float32 weights and gives logits or labels: change `precision` or `output`")
    return tuple(formats or (("tflite",) if only_tflite else DEFAULT_FORMATS))


def check_settings(formats: Sequence[str], precision: str, **settings: Any) -> None:
    """Checks that a file of `formats`, see `chosen_formats`, heeds each of the `settings` that is not its default.

    `settings` are `float_layers` and `calibration_images`, for int8; `tiling`, for TFLite files; and `image_type`,
    `dynamic_batch` and `dynamic_size`, for ONNX files.

    Raises:
      InputError: a setting would be ignored.
    """
    applies = {"int8": precision == "int8", "TFLite": "tflite" in formats, "ONNX": "onnx" in formats}
    for kind, name, default in _SETTINGS:
        if settings[name] != default and not applies[kind]:
            remedy = "`precision=int8`" if kind == "int8" else f"`format={kind.lower()}`"
            raise InputError(f"`{name}`: applies only to {kind} files; set {remedy}, or leave it out")


def images_to_check(examples: Sequence[Example]) -> list[np.ndarray]:
    """Some images of the examples, evenly spread, uint8 [H, W, 3].

    Raises:
      InputError: an image cannot be read.
    """
    return [read_image(example.image_path) for example in evenly_spread(examples, IMAGES_TO_CHECK)]


def calibration_images(dataset: Dataset, examples: Sequence[Example], count: int | None = None) -> list[np.ndarray]:
    """`count` images, uint8 [H, W, 3], evenly spaced in the `examples` of the training split.

    `count` None: `CALIBRATION_IMAGES`, or all examples if there are fewer.

    Raises:
      InputError: there are fewer examples, or an image cannot be read.
    """
    if count is None:
        count = min(CALIBRATION_IMAGES, len(examples))
    if len(examples) < count:
        raise InputError(
            f"`calibration_images={count}`: {dataset.name} has only {len(examples)} training images; give at most that"
        )
    return [read_image(example.image_path) for example in evenly_spread(examples, count)]


def default_size(network: keras.Model, dataset: Dataset | None, images: Sequence[np.ndarray]) -> tuple[int, int]:
    """The (height, width) of exported files: the network's own size, or the dataset's image size, rounded up.

    `images` are sample images of the dataset; if empty, the dataset's declared size is used.

    Raises:
      InputError: no size is known.
    """
    own = tuple(network.input_shape[1:3])
    if None not in own:
        return own
    if dataset is None:
        raise InputError("the image size is unknown: give `height` and `width`, or `dataset`")
    size = images[0].shape[:2] if images else dataset.image_size
    if size is None:
        raise InputError(f"the image size of {dataset.name} is unknown without its images: give `height` and `width`")
    return padded_size(size, size_multiple(network))


def fitted(network: keras.Model, images: Sequence[np.ndarray], size: tuple[int, int]) -> list[np.ndarray]:
    """The images, uint8 [h, w, 3], padded or resized to `size` as in `Segmenter`."""
    return [resize_image(image, size, most_padding("auto", size_multiple(network))) for image in images]


def noise(size: tuple[int, int]) -> list[np.ndarray]:
    """Two noise images, uint8 [H, W, 3] of `size`, for checks without a dataset."""
    return list(np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8))


def export_checked(
    network: keras.Model,
    folder: str | os.PathLike,
    *,
    formats: Sequence[str],
    images: np.ndarray,
    precision: str = "float32",
    output: str = "logits",
    tflite: Mapping[str, Any],
    onnx: Mapping[str, Any] | None = None,
    **settings: Any,
) -> list[Exported]:
    """Writes the files to `folder`; existing files are replaced only after all new files pass the checks.

    Args:
      network: the network; not changed.
      folder: the output folder.
      formats: a subset of `FORMATS`, see `chosen_formats`.
      images: uint8 [N, H, W, 3] of the files' size, for the parity check.
      precision: of the TFLite file.
      output: of the TFLite or ONNX file.
      tflite: further arguments of `export_tflite`.
      onnx: further arguments of `export_onnx`.
      settings: arguments of all three functions.

    Raises:
      InputError: see `export_tflite` and `export_onnx`; a file fails the parity check; a folder has its name; or
        saved_model in `folder` holds other files.
    """
    folder = pathlib.Path(folder)
    if "saved_model" in formats:
        require_replaceable(folder / "saved_model", SAVED_MODEL_FILE)
    exported = []
    with staging_dir(folder) as staging:
        for name in formats:
            if name == "saved_model":
                path = staging / name
                export_saved_model(network, path, **settings)
            elif name == "onnx":
                given = dict(onnx or {})
                path = staging / onnx_name(output, **given)
                sized = settings | ({"size": None} if given.get("dynamic_size") else {})
                export_onnx(network, path, output=output, **sized | given)
            else:
                path = staging / tflite_name(precision, output)
                export_tflite(network, path, precision, output=output, **settings | dict(tflite))
            parity = require_parity(path, network, images, precision)
            errors = _layer_errors(path, network, images) if path.suffix == ".tflite" and precision == "int8" else None
            exported.append(Exported(folder / path.name, parity, errors))
        _move_contents(staging, folder)
    return exported


def _layer_errors(path: pathlib.Path, network: keras.Model, images: np.ndarray) -> dict[str, float]:
    """Compares the file `path` with a float32 file of the same network; writes the errors to a JSON beside `path`."""
    with tempfile.TemporaryDirectory() as folder:
        reference = pathlib.Path(folder) / "float32.tflite"
        export_tflite(network, reference, size=images.shape[1:3], tiling=False)
        errors = layer_errors(reference, path, list(images))
    write_json(path.with_name(f"{path.stem}_layers.json"), errors)
    return errors


def _move_contents(staging: pathlib.Path, folder: pathlib.Path) -> None:
    """Moves everything from `staging`, a subfolder of `folder`, to `folder`; replaces files of the same names.

    Raises:
      InputError: a folder has the name of a file; nothing was moved.
    """
    paths = list(staging.iterdir())
    for path in paths:
        if path.is_file() and (folder / path.name).is_dir():
            raise InputError(f"{folder / path.name}: is a folder where a file is to be written; move it away")
    for path in paths:
        target = folder / path.name
        if path.is_dir():
            move_dir(path, target)
        else:
            os.replace(path, target)
