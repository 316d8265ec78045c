"""TFLite metadata, by which MediaPipe's tasks and Android Studio know what a file takes and gives.

A flatbuffer stands among the file's buffers. The schemas that MediaPipe publishes describe it: metadata_schema.fbs,
version 1.5.0, and image_segmenter_metadata_schema.fbs in mediapipe/tasks/metadata. The files that it names, such as the
list of the classes, follow the graph as a zip archive. LiteRT ignores both.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np

from contextnet_tf.files import json_text

LABELS, DESCRIPTION = "labels.txt", "metadata.json"  # the files inside: class names by line; our JSON

# Numbers of the schemas.
_DESCRIPTIONS, _AXIS_LABELS, _VALUE_LABELS = 1, 2, 3  # AssociatedFileType
_FEATURE, _IMAGE = 1, 2  # ContentProperties
_NORMALIZATION, _RGB = 1, 1  # ProcessUnitOptions, ColorSpaceType
_ACTIVATIONS = {"logits": 2, "probabilities": 0, "labels": 0}  # soft-max, none, none

_GIVES = {
    "logits": "A logit per class at 1/{factor} of the image's size. Upsample bilinearly; the arg-max is the class.",
    "probabilities": "A probability per class at each pixel.",
    "labels": "The class of each pixel.",
}
_LICENSE = "Apache-2.0 for the network's definition. The weights may be subject to the terms of the dataset{named}."


class _Byte(int):
    """A field of one byte."""


class _Uint(int):
    """A field of four bytes."""


def task_metadata(metadata: Mapping[str, Any]) -> bytes:
    """The flatbuffer "TFLITE_METADATA" of a file with this `metadata`, those of its JSON."""
    dataset, output = metadata["dataset"], metadata["output"]
    height, width = metadata["image"]["size"]
    what = f"Semantic segmentation by {metadata['model']}" + (f", trained on {dataset}" if dataset else "")
    named = {"labels": _VALUE_LABELS}.get(output, _AXIS_LABELS)
    image = {
        0: "image",
        1: f"RGB image of {height} x {width} (height x width), 0 to 255.",
        3: {0: _Byte(_IMAGE), 1: {0: _Byte(_RGB), 1: {0: _Uint(width), 1: _Uint(height)}}},
        4: [{0: _Byte(_NORMALIZATION), 1: {0: np.zeros(1, "f4"), 1: np.full(1, 255, "f4")}}],  # mean, deviation
        5: {0: np.full(1, 255, "f4"), 1: np.zeros(1, "f4")},  # maximum, minimum
    }
    result = {
        0: output,
        1: _GIVES[output].format(factor=metadata["output_factor"]),
        3: {0: _Byte(_FEATURE), 1: {}},
        6: [{0: LABELS, 1: "The names of the classes.", 2: _Byte(named)}] if metadata["classes"] else [],
    }
    options = _finished({0: _Byte(_ACTIVATIONS[output]), 1: "1.0.0"}, b"V001")
    graph = {2: [image], 3: [result], 9: [{0: "SEGMENTER_METADATA", 1: options}]}
    model = {
        0: metadata["model"],
        1: f"{what}: {metadata['num_classes']} classes.",
        3: [graph],
        5: _LICENSE.format(named=f" {dataset}" if dataset else ""),
        6: [{0: DESCRIPTION, 1: "Classes, colors, normalization and origin as JSON.", 2: _Byte(_DESCRIPTIONS)}],
        7: "1.5.0",
    }
    return _finished(model, b"M001")


def with_files(content: bytes, metadata: Mapping[str, Any]) -> bytes:
    """The content of a TFLite file, followed by the archive of the files that its metadata name."""
    files = {DESCRIPTION: json_text(metadata, indent=2)}
    if metadata["classes"]:
        files[LABELS] = "".join(f"{entry['name']}\n" for entry in metadata["classes"])
    archive = io.BytesIO(content)
    with zipfile.ZipFile(archive, "a") as packed:
        for name, text in files.items():
            packed.writestr(zipfile.ZipInfo(name), text)  # without the time: the same network gives the same file
    return archive.getvalue()


def _finished(table: Mapping[int, Any], identifier: bytes) -> bytes:
    builder = flatbuffers.Builder()
    builder.Finish(_offset(builder, table), identifier)
    return bytes(builder.Output())


def _offset(builder: flatbuffers.Builder, value: Any) -> int:
    """Writes a text, bytes, an array of float32, a list of these, or a table, field number -> value."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, np.ndarray):
        return builder.CreateNumpyVector(value)
    if isinstance(value, bytes):
        builder.StartVector(1, len(value), 16)  # the schema aligns them to 16
        for byte in reversed(value):
            builder.PrependByte(byte)
        return builder.EndVector()
    if isinstance(value, Mapping):
        return _table_offset(builder, value)
    return _vector_offset(builder, [_offset(builder, item) for item in value])


def _vector_offset(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _table_offset(builder: flatbuffers.Builder, fields: Mapping[int, Any]) -> int:
    numbers = {slot: value for slot, value in fields.items() if isinstance(value, _Byte | _Uint)}
    offsets = {slot: _offset(builder, value) for slot, value in fields.items() if slot not in numbers}
    builder.StartObject(max(fields, default=-1) + 1)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in numbers.items():
        if isinstance(number, _Byte):
            builder.PrependUint8Slot(slot, number, 0)
        else:
            builder.PrependUint32Slot(slot, number, 0)
    return builder.EndObject()
