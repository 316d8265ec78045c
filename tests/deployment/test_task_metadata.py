"""TFLite metadata in exported files: what is written, and what MediaPipe's ImageSegmenter makes of it."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile

import cv2
import flatbuffers
import keras
import numpy as np
import pytest
from tiny_network import TINY

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.deployment.tflite.graph import TFLiteGraph
from contextnet_tf.models.registry import build_model

OUTPUTS = ("logits", "probabilities", "labels")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_model(TINY, num_classes=11, input_shape=(64, 96, 3))


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    """A folder with a file for each output, and an image of noise of its size."""
    folder = tmp_path_factory.mktemp("exported")
    for output in OUTPUTS:
        export_tflite(network, folder / f"{output}.tflite", output=output, dataset=get_dataset("camvid"))
    np.save(folder / "image.npy", np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))
    return folder


def field(table, slot, kind):
    """A field of a flatbuffer's table: its table, text, vector of tables, or byte."""
    place = table.Offset(4 + 2 * slot)
    if kind == "byte":
        return table.Get(flatbuffers.number_types.Uint8Flags, table.Pos + place) if place else 0
    assert place, f"field {slot} is missing"
    if kind == "text":
        return table.String(table.Pos + place).decode()
    if kind == "tables":
        start = table.Vector(place)
        return [
            flatbuffers.table.Table(table.Bytes, table.Indirect(start + 4 * index))
            for index in range(table.VectorLen(place))
        ]
    return flatbuffers.table.Table(table.Bytes, table.Indirect(table.Pos + place))


def metadata_of(path):
    """The root table of the file's metadata."""
    model = TFLiteGraph(path.read_bytes())._model
    (buffer,) = [model.buffers[entry.buffer].data for entry in model.metadata if entry.name == b"TFLITE_METADATA"]
    content = bytearray(buffer)
    assert content[4:8] == b"M001"
    root = flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0)
    return flatbuffers.table.Table(content, root)


@pytest.mark.parametrize(("output", "kind"), [("logits", 2), ("probabilities", 2), ("labels", 3)])
def test_names_texts_and_files(exported, output, kind):
    root = metadata_of(exported / f"{output}.tflite")
    assert field(root, 0, "text") == "tiny"
    assert field(root, 1, "text") == "Semantic segmentation by tiny, trained on camvid: 11 classes."
    assert field(root, 5, "text").startswith("Apache-2.0 for the network's definition.")
    (graph,) = field(root, 3, "tables")
    (image,), (result,) = field(graph, 2, "tables"), field(graph, 3, "tables")
    assert field(image, 0, "text") == "image" and "64 x 96" in field(image, 1, "text")
    assert field(result, 0, "text") == output
    (labels,) = field(result, 6, "tables")
    assert (field(labels, 0, "text"), field(labels, 2, "byte")) == ("labels.txt", kind)


def test_files_inside(exported):
    path = exported / "logits.tflite"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["metadata.json", "labels.txt"]
        names = archive.read("labels.txt").decode().splitlines()
        inside = json.loads(archive.read("metadata.json"))
    beside = json.loads(path.with_suffix(".json").read_text())
    assert names == [entry["name"] for entry in beside["classes"]] and len(names) == 11
    assert beside.pop("sha256") == hashlib.sha256(path.read_bytes()).hexdigest()
    assert inside == beside


def test_a_file_without_a_dataset_has_no_names(network, tmp_path):
    export_tflite(network, tmp_path / "model.tflite")
    with zipfile.ZipFile(tmp_path / "model.tflite") as archive:
        assert archive.namelist() == ["metadata.json"]
    assert field(metadata_of(tmp_path / "model.tflite"), 1, "text") == "Semantic segmentation by tiny: 11 classes."


def test_the_same_network_gives_the_same_file(exported, network, tmp_path):
    export_tflite(network, tmp_path / "logits.tflite", dataset=get_dataset("camvid"))
    assert (tmp_path / "logits.tflite").read_bytes() == (exported / "logits.tflite").read_bytes()


IN_MEDIAPIPE = """
import json, sys, numpy as np
sys.modules["tensorflow"] = None  # MediaPipe would load it for its documentation
import mediapipe
from mediapipe.tasks.metadata.metadata_schema_py_generated import ModelMetadata, ModelMetadataT
from mediapipe.tasks.python import BaseOptions, vision
folder = sys.argv[1]
image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.load(f"{folder}/image.npy"))
for output in ("logits", "probabilities"):
    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=f"{folder}/{output}.tflite"),
        output_category_mask=True,
        output_confidence_masks=True,
    )
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        result = segmenter.segment(image)
        np.savez(
            f"{folder}/{output}.npz",
            labels=result.category_mask.numpy_view().squeeze(),
            confidence=np.stack([mask.numpy_view().squeeze() for mask in result.confidence_masks], axis=-1),
            names=segmenter.labels,
        )
content = open(f"{folder}/metadata", "rb").read()
read = ModelMetadataT.InitFromObj(ModelMetadata.GetRootAs(content, 0))
(graph,) = read.subgraphMetadata
(tensor,) = graph.inputTensorMetadata
properties, norm = tensor.content.contentProperties, tensor.processUnits[0].options
print(json.dumps({
    "texts": [x.decode() for x in (read.name, read.minParserVersion, tensor.name, graph.customMetadata[0].name)],
    "color": properties.colorSpace,
    "size": [properties.defaultSize.height, properties.defaultSize.width],
    "numbers": [float(x[0]) for x in (norm.mean, norm.std, tensor.stats.min, tensor.stats.max)],
    "file": read.associatedFiles[0].name.decode(),
}))
"""


@pytest.fixture(scope="module")
def in_mediapipe(exported):
    """What MediaPipe gives for files of logits and of probabilities, and what its reader finds in the metadata."""
    pytest.importorskip("mediapipe", reason="MediaPipe is in the extra [mediapipe]")
    (exported / "metadata").write_bytes(bytes(metadata_of(exported / "logits.tflite").Bytes))
    shown = subprocess.run([sys.executable, "-c", IN_MEDIAPIPE, str(exported)], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "No activation type is found" not in shown.stderr
    given = {output: dict(np.load(exported / f"{output}.npz")) for output in ("logits", "probabilities")}
    return given | {"metadata": json.loads(shown.stdout)}


def test_mediapipe_has_the_labels_of_a_file_of_probabilities(exported, in_mediapipe):
    given = in_mediapipe["probabilities"]
    labels = Segmenter(exported / "probabilities.tflite").segment(np.load(exported / "image.npy"))
    assert np.array_equal(given["labels"], labels) and len(np.unique(labels)) > 1
    assert np.array_equal(given["confidence"].argmax(axis=-1), labels)


def test_mediapipe_takes_the_softmax_of_a_file_of_logits_before_it_enlarges(exported, in_mediapipe):
    given = in_mediapipe["logits"]
    logits = ENGINES["litert"](exported / "logits.tflite", 1).logits(np.load(exported / "image.npy"))
    small = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(given["confidence"], cv2.resize(small, (96, 64)), atol=1e-5)
    assert given["names"].tolist() == [entry.name for entry in get_dataset("camvid").classes]


def test_mediapipes_reader_finds_all_metadata(in_mediapipe):
    assert in_mediapipe["metadata"] == {
        "texts": ["tiny", "1.5.0", "image", "SEGMENTER_METADATA"],
        "color": 1,  # RGB
        "size": [64, 96],
        "numbers": [0, 255, 0, 255],  # mean and deviation; minimum and maximum
        "file": "metadata.json",
    }


def test_archives_do_not_hinder_the_next_change(exported):
    """The graph of a file is read without what follows it."""
    content = (exported / "logits.tflite").read_bytes()
    again = TFLiteGraph(content).content()
    assert len(again) < len(content) and not zipfile.is_zipfile(io.BytesIO(again))
