"""Files that run without this package: SavedModel and TFLite. A uint8 picture goes in, 0 to 255, RGB.

Batch normalization is folded on the way: the result is the paper's inference network (section 3.1), and its
TFLite file holds nothing but convolutions and sums.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.deployment.engines import LiteRTEngine
from contextnet_tf.deployment.metadata import metadata_path
from contextnet_tf.deployment.network import at_size, kernels_on_picture, logits_network
from contextnet_tf.deployment.upsample import upsample_argmax
from contextnet_tf.errors import InputError
from contextnet_tf.files import replacing_file, replacing_folder, write_json
from contextnet_tf.models import graph
from contextnet_tf.models.sizes import size_multiple

PRECISIONS = ("float32",)


def export_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    size: tuple[int, int] | None = None,
    dataset: Dataset | None = None,
    commit: str | None = None,
) -> None:
    """Writes the network as a SavedModel folder that plain `tf.saved_model.load` reads.

    Signatures, each with the one input `picture`, for any batch size B:

      serving_default    uint8 [B, H, W, 3]              -> {"labels": uint8 [B, H, W]}
      logits             uint8 [B, H, W, 3]              -> {"logits": float32 [B, H, W, C]}
      labels_from_float  float32 [B, H, W, 3] in 0 to 1  -> {"labels": uint8 [B, H, W]}
      logits_from_float  float32 [B, H, W, 3] in 0 to 1  -> {"logits": float32 [B, H, W, C]}

    `size` is (height, width) of the pictures, by default the network's own. `dataset` and `commit` go
    into model.json within the folder.

    Raises:
      InputError: the network has no fixed size and none is given, or cannot take it; it has another
        number of classes than the data set; or the folder cannot be written.
    """
    network = at_size(_folded(model), size)
    size = network.input_shape[1:3]
    metadata = _metadata(network, 1, "float32", dataset, commit)
    with replacing_folder(path) as temporary:
        module, signatures = _served(network, size)
        tf.saved_model.save(module, str(temporary), signatures=signatures)
        write_json(metadata_path(temporary), metadata)


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    precision: str = "float32",
    *,
    size: tuple[int, int] | None = None,
    dataset: Dataset | None = None,
    commit: str | None = None,
) -> None:
    """Writes the network up to its small logits as a TFLite file of fixed size and batch 1.

    Its signature `serving_default`: `picture` uint8 [1, H, W, 3] -> `logits` float32 [1, H/8, W/8, C].
    `upsample_argmax` makes the labels of them, several times faster than the same inside the file;
    `Segmenter` does both. `size` is (height, width) of the pictures, by default the network's own.
    `dataset` and `commit` go into the metadata, a JSON beside the file.

    Raises:
      InputError: the precision is unknown; the network has no fixed size and none is given, or cannot
        take it; it has another number of classes than the data set; or the file cannot be written.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r} is not available; choose from: {', '.join(PRECISIONS)}")
    network = at_size(_folded(model), size)
    small = logits_network(network)
    size = network.input_shape[1:3]
    metadata = _metadata(network, size[0] // small.output_shape[1], precision, dataset, commit)
    with replacing_file(path) as temporary:
        functions = [_frozen(small, size)]
        # The module holds nothing, but with one the file gets its signature.
        converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, tf.Module())
        temporary.write_bytes(converter.convert())
        write_json(metadata_path(path), metadata)


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How an exported file compares with its network over some pictures.

    `largest_difference` is the largest of a logit's absolute difference, `largest_logit` the network's
    largest absolute logit, `label_agreement` the share of pixels with the same label.
    """

    largest_difference: float
    largest_logit: float
    label_agreement: float


def check_export(path: str | os.PathLike, model: keras.Model, pictures: np.ndarray) -> Agreement:
    """Runs an exported file and its network on uint8 [N, H, W, 3] pictures of the file's size.

    Raises:
      InputError: the file is missing or of another kind, or the pictures are of another size.
    """
    network = at_size(model, pictures.shape[1:3])
    exported = _run_saved_model(path) if os.path.isdir(path) else _run_tflite(path)
    small = keras.Model(network.input, [logits_network(network).output, network.output["main"]])
    difference = largest = 0.0
    same = 0
    for picture in pictures:
        eighth, full = (x[0].numpy() for x in small(picture[None].astype(np.float32) / 255, training=False))
        logits, labels = exported(picture)
        expected = eighth if logits.shape == eighth.shape else full
        difference = max(difference, float(np.abs(logits - expected).max()))
        largest = max(largest, float(np.abs(expected).max()))
        same += int(np.count_nonzero(labels == full.argmax(axis=-1)))
    return Agreement(difference, largest, same / pictures[..., 0].size)


def _folded(model: keras.Model) -> keras.Model:
    """The inference network; the model itself where there is nothing left to fold."""
    return fold_batch_norm(model) if graph.batch_norms_after_convolutions(model) else model


def _metadata(
    network: keras.Model, output_factor: int, precision: str, dataset: Dataset | None, commit: str | None
) -> dict[str, Any]:
    """What the JSON beside a file says; `output_factor` is how many times smaller its logits are."""
    num_classes = network.output["main"].shape[-1]
    if dataset is not None and dataset.num_classes != num_classes:
        raise InputError(
            f"network {network.name!r} tells {num_classes} classes apart, data set {dataset.name!r} has "
            f"{dataset.num_classes}"
        )
    classes = dataset.classes if dataset else ()
    return {
        "model": network.name,
        "num_classes": num_classes,
        "classes": [{"name": x.name, "category": x.category, "colour": list(x.colour)} for x in classes],
        "dataset": dataset.name if dataset else None,
        "definition": dataset.definition if dataset else None,
        "picture": {
            "size": list(network.input_shape[1:3]),
            "size_multiple": size_multiple(network),
            "type": "uint8",
            "channels": "RGB",
            "normalization": "picture / 255, inside the file",
        },
        "output_factor": output_factor,
        "precision": precision,
        "commit": commit,
    }


def _served(network: keras.Model, size: tuple[int, int]) -> tuple[tf.Module, dict[str, Callable]]:
    """What a SavedModel holds: the weights, and a function for each signature."""
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]

    @tf.function  # traced once for all signatures
    def main(picture: tf.Tensor) -> tf.Tensor:
        return network(picture, training=False)["main"]

    def logits(picture: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": main(picture)}

    def labels(picture: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"labels": tf.cast(tf.argmax(main(picture), axis=-1), tf.uint8)}

    def of_uint8(function: Callable) -> Callable:
        return lambda picture: function(tf.cast(picture, tf.float32) / 255.0)

    def signature(function: Callable, dtype: tf.DType) -> Callable:
        return tf.function(function, input_signature=[tf.TensorSpec([None, *size, 3], dtype, name="picture")])

    return module, {
        "serving_default": signature(of_uint8(labels), tf.uint8),
        "logits": signature(of_uint8(logits), tf.uint8),
        "labels_from_float": signature(labels, tf.float32),
        "logits_from_float": signature(logits, tf.float32),
    }


def _frozen(network: keras.Model, size: tuple[int, int]) -> Callable:
    """The network as a function of a uint8 picture with every dimension fixed and the weights as constants.

    Only so the converter fuses dilation, bias and clipping into the convolutions. The normalization goes
    into the kernels that the picture meets first: a multiplication in the file would pass over all
    pixels of the picture once more.
    """
    kernels = kernels_on_picture(network)
    scaled = {id(kernel) for kernel in kernels or ()}

    def values(variables: list[keras.Variable]) -> list[np.ndarray]:
        return [x.numpy() / np.float32(255) if id(x) in scaled else x.numpy() for x in variables]

    trainable = values(network.trainable_variables)
    others = values(network.non_trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec([1, *size, 3], tf.uint8, name="picture")])
    def logits(picture: tf.Tensor) -> dict[str, tf.Tensor]:
        picture = tf.cast(picture, tf.float32)
        if kernels is None:
            picture /= 255.0
        constants = [tf.constant(x) for x in trainable], [tf.constant(x) for x in others]
        return {"logits": network.stateless_call(*constants, picture, training=False)[0]}

    return logits.get_concrete_function()


def _run_saved_model(path: str | os.PathLike) -> Callable:
    try:
        signatures = tf.saved_model.load(str(path)).signatures
    except OSError:
        raise InputError(f"{path}: is no SavedModel; name the folder that the export wrote") from None

    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = tf.constant(picture[None])
        logits = signatures["logits"](picture=batch)["logits"]
        labels = signatures["serving_default"](picture=batch)["labels"]
        return logits[0].numpy(), labels[0].numpy()

    return run


def _run_tflite(path: str | os.PathLike) -> Callable:
    engine = LiteRTEngine(path)

    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = engine.logits(picture)
        return logits, upsample_argmax(logits, picture.shape[:2])

    return run
