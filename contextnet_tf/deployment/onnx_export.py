"""Export to ONNX files, for ONNX Runtime, OpenVINO, TensorRT, ncnn and other runtimes."""

import os
from collections.abc import Mapping
from typing import Any

import keras

from contextnet_tf.arguments import checked_choice, checked_path
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.deployment.export import describe
from contextnet_tf.deployment.metadata import IMAGE_TYPES, ONNX_OUTPUTS
from contextnet_tf.deployment.network import folded, folded_at_size
from contextnet_tf.deployment.portable.any_size import portable_graph_of_any_size
from contextnet_tf.deployment.portable.from_keras import portable_graph_of
from contextnet_tf.errors import InputError, needed_by
from contextnet_tf.files import atomic_write, checked_json, json_text
from contextnet_tf.models.outputs import without_aux_heads, without_upsampling


def export_onnx(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    size: tuple[int, int] | None = None,
    image_type: str = "uint8",
    output: str = "logits",
    dynamic_batch: bool = False,
    dynamic_size: bool = False,
    dataset: Dataset | None = None,
    commit: str | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Writes the network as an ONNX file: opset 17, IR version 8, float32 weights, batch normalization folded.

    The input `image` is, by `image_type`,

      uint8    uint8 [B, H, W, 3] in 0 to 255, as in a TFLite file; normalized in the graph
      float32  float32 [B, 3, H, W] in 0 to 1, as converters to other runtimes expect it

    and the output has the name of `output`:

      logits   float32 [B, H/8, W/8, C] for a uint8 image, [B, C, H/8, W/8] for a float32 image
      labels   uint8 [B, H, W]: upsampling and arg-max in the graph

    The file holds its metadata, each fact as a JSON value: those of a TFLite file's JSON. Needs the extra [onnx].

    Args:
      model: the network; not changed.
      path: the file.
      size: (height, width) of the images, by default the network's own.
      image_type: "uint8" or "float32".
      output: "logits" or "labels".
      dynamic_batch: whether B is any number; otherwise 1.
      dynamic_size: whether H and W are any multiples of the network's size multiple; then without `size`.
      dataset: for the metadata: the dataset with its classes and colors.
      commit: for the metadata: the commit of the code.
      notes: for the metadata: further facts, a JSON value by name.

    Raises:
      InputError: the image type or output is unknown; `size` is missing, invalid for the network, or given with
        `dynamic_size`; a weight is not finite; a layer is not supported, or depends on the size of the image with
        `dynamic_size`; there are more than 256 classes, or the dataset has another number; onnx is not installed; or
        the file cannot be written.
    """
    path = checked_path(path)
    checked_choice("image_type", image_type, IMAGE_TYPES, "is not available")
    checked_choice("output", output, ONNX_OUTPUTS, "is not available")
    if dynamic_size and size is not None:
        raise InputError("`dynamic_size` takes images of all sizes: leave out the size")
    with needed_by("an ONNX file", "onnx"):
        from contextnet_tf.deployment.onnx_graph import onnx_model
    network = without_aux_heads(folded(model) if dynamic_size else folded_at_size(model, size))
    small, factors = without_upsampling(network)
    factor = factors["main"] if output == "logits" else 1
    part = small if output == "logits" else network
    image: dict[str, Any] = {"type": image_type}
    if dynamic_size:
        image["size"] = None
    if image_type == "float32":
        image["normalization"] = "image / 255, before the file"
    facts = {
        "output": output,
        "output_factor": factor,
        "precision": "float32",
        "commit": commit,
        **checked_json("notes", notes),
    }
    metadata = describe(network, dataset, facts, image)
    content = onnx_model(
        portable_graph_of_any_size(part) if dynamic_size else portable_graph_of(part),
        metadata["num_classes"],
        image_type=image_type,
        output=output,
        factor=factor,
        dynamic_batch=dynamic_batch,
        metadata={name: json_text(value) for name, value in metadata.items()},
    )
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.SerializeToString())
