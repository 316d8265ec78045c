"""Export to SavedModel and TFLite files that run without this package. The input is a uint8 RGB image in 0 to 255.

The export folds batch normalization: the result is the paper's inference network (section 3.1). Its TFLite file holds
built-in operators of TFLite only.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.arguments import checked_choice, checked_path
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.deployment.channel_tiling import with_channel_tiling
from contextnet_tf.deployment.metadata import OUTPUTS, SAVED_MODEL_FILE, write_metadata
from contextnet_tf.deployment.network import folded_at_size, pooling_as_convolution
from contextnet_tf.deployment.tflite.column_packing import pack_columns
from contextnet_tf.deployment.tflite.conversion import float_graph, part_with_output
from contextnet_tf.deployment.tflite.quantization import checked_calibration, int8_graph, require_runnable
from contextnet_tf.deployment.tflite.row_tiling import tile_rows
from contextnet_tf.deployment.tflite.task_metadata import task_metadata, with_files
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.files import atomic_write, checked_json
from contextnet_tf.folders import atomic_write_dir
from contextnet_tf.models.sizes import size_multiple

PRECISIONS = ("float32", "float16", "int8")
MOST_CLASSES = 256


def export_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    size: tuple[int, int] | None = None,
    dataset: Dataset | None = None,
    commit: str | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Writes the network as a SavedModel folder for plain `tf.saved_model.load`.

    Signatures, each with the single input `image`, for any batch size B of 1 or more:

      serving_default    uint8 [B, H, W, 3]              -> {"labels": uint8 [B, H, W]}
      logits             uint8 [B, H, W, 3]              -> {"logits": float32 [B, H, W, C]}
      labels_from_float  float32 [B, H, W, 3] in 0 to 1  -> {"labels": uint8 [B, H, W]}
      logits_from_float  float32 [B, H, W, 3] in 0 to 1  -> {"logits": float32 [B, H, W, C]}

    `size` is (height, width) of the images, by default the network's own. `dataset`, `commit` and `notes` (further
    facts by name) are written to model.json in the folder.

    Raises:
      InputError: the network has no fixed size and none is given; the size is invalid for the network; its weights are
        not finite; it has more than 256 classes; the network and the dataset differ in the number of classes; `path`
        holds other files than a SavedModel; or the folder cannot be written, for example because the disk is full.
    """
    path = checked_path(path)
    network = folded_at_size(model, size)
    facts = {"output_factor": 1, "precision": "float32", "commit": commit, **checked_json("notes", notes)}
    metadata = describe(network, dataset, facts)
    with atomic_write_dir(path, marker=SAVED_MODEL_FILE) as temporary:
        module, signatures = _served(network, network.input_shape[1:3])
        try:
            tf.saved_model.save(module, str(temporary), signatures=signatures)
        except (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError) as error:  # ENOSPC; EFBIG
            reason = reason_of(error).rpartition("; ")[2]  # without TensorFlow's temporary file
            raise InputError(f"{path}: cannot be written ({reason}); free disk space and start again") from error
        write_metadata(temporary, metadata)


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    precision: str = "float32",
    *,
    size: tuple[int, int] | None = None,
    output: str = "logits",
    calibration: Iterable[np.ndarray] | None = None,
    float_layers: Iterable[str] = (),
    tiling: bool = True,
    dataset: Dataset | None = None,
    commit: str | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Writes the network as a TFLite file of fixed size and batch 1, with built-in operators only.

    The signature `serving_default` maps `image` uint8 [1, H, W, 3] to one of

      logits         float32 [1, H/8, W/8, C]; uint8 with scale and zero point in an int8 file
      labels         uint8 [1, H, W]: upsampling and arg-max in the graph
      probabilities  float32 [1, H, W, C]: upsampling and soft-max in the graph

    `upsample_argmax` converts logits to labels, several times faster than upsampling and arg-max in the graph.
    `Segmenter` runs the file and this conversion.

    Args:
      model: the network; not changed.
      path: the file; its metadata is written to a JSON beside it, and as TFLite metadata into the file.
      precision: "float32"; "float16", half as large, computed in float16 on ARM processors that can, in float32
        elsewhere; or "int8", a third as large, full-integer quantization except for `float_layers` and the soft-max.
      size: (height, width) of the images, by default the network's own.
      output: "logits", "labels" or "probabilities".
      calibration: for int8: training images uint8 [H, W, 3] of the file's size.
      float_layers: for int8: names of layers with a kernel that stay in float32.
      tiling: whether float files compute large features in tiles, and int8 files pack columns of the image, which is
        faster on a processor. Turn it off for GPU delegates.
      dataset: for the metadata: the dataset with its classes and colors.
      commit: for the metadata: the commit of the code.
      notes: for the metadata: further facts, a JSON value by name.

    Raises:
      InputError: precision, output or a layer is unknown; there are too few calibration images, one has another size,
        or they give no range; the network has no fixed size and none is given; the size is invalid for the network;
        its weights are not finite; it has more than 256 classes; the network and the dataset differ in the number of
        classes; or the file cannot be written.
    """
    path = checked_path(path)
    checked_choice("precision", precision, PRECISIONS, "is not available")
    checked_choice("output", output, OUTPUTS, "is not available")
    if not isinstance(float_layers, Iterable):
        raise InputError(f"float_layers {float_layers!r}: it must be a list of names of layers")
    float_layers = list(float_layers)
    if precision != "int8" and float_layers:
        raise InputError(f"float_layers are for precision 'int8'; a file of {precision} has only float layers")
    network = folded_at_size(model, size)
    part = part_with_output(network, output)
    facts = {
        "output": output,
        "output_factor": network.input_shape[1] // part.output_shape[1] if output == "logits" else 1,
        "precision": precision,
        "commit": commit,
    }
    images = checked_calibration(calibration, network.input_shape[1:3]) if precision == "int8" else ()
    if precision == "int8":
        facts |= {"calibration_images": len(images), "float_layers": float_layers}
    metadata = describe(network, dataset, facts | checked_json("notes", notes))
    with atomic_write(path) as temporary:
        if precision == "int8":
            graph = int8_graph(pooling_as_convolution(part), output, images, float_layers)
            if tiling:
                pack_columns(graph)
        else:
            tiled = with_channel_tiling(part) if tiling else part
            graph = float_graph(tiled, output, float16=precision == "float16")
        graph.make_ends_uint8()
        if tiling and precision != "int8":  # int8 gets no faster
            tile_rows(graph)  # after the image has become uint8, so that each band converts its own rows
        graph.add_metadata("TFLITE_METADATA", task_metadata(metadata))
        content = with_files(graph.content(), metadata)
        if precision == "int8":
            require_runnable(content)
        temporary.write_bytes(content)
        write_metadata(path, metadata, content)


def describe(
    network: keras.Model, dataset: Dataset | None, facts: Mapping[str, Any], image: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The metadata of a file of `network`, with further `facts` by name, and facts of its `image` that differ.

    Raises:
      InputError: the network and the dataset differ in the number of classes, or there are more than `MOST_CLASSES`.
    """
    num_classes = network.output["main"].shape[-1]
    if num_classes > MOST_CLASSES:
        raise InputError(
            f"network {network.name!r} has {num_classes} classes; labels are uint8: at most {MOST_CLASSES} are possible"
        )
    if not isinstance(dataset, Dataset | None):
        raise InputError(f"dataset {dataset!r}: it must be a dataset from get_dataset, or None")
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
            **(image or {}),
        },
        **facts,
    }


def _served(network: keras.Model, size: tuple[int, int]) -> tuple[tf.Module, dict[str, Callable]]:
    """The content of a SavedModel: the weights, and a function for each signature."""
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]

    @tf.function  # traced once for all signatures
    def main(image: tf.Tensor) -> tf.Tensor:
        return network(image, training=False)["main"]

    def logits(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": main(image)}

    def labels(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"labels": tf.cast(tf.argmax(main(image), axis=-1), tf.uint8)}

    def of_uint8(function: Callable) -> Callable:
        return lambda image: function(tf.cast(image, tf.float32) / 255.0)

    def signature(function: Callable, dtype: tf.DType) -> Callable:
        return tf.function(function, input_signature=[tf.TensorSpec([None, *size, 3], dtype, name="image")])

    return module, {
        "serving_default": signature(of_uint8(labels), tf.uint8),
        "logits": signature(of_uint8(logits), tf.uint8),
        "labels_from_float": signature(labels, tf.float32),
        "logits_from_float": signature(logits, tf.float32),
    }
