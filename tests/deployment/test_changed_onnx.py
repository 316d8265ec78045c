"""ONNX files that another tool changed after the export: they run, or are refused in one line."""

import keras
import numpy as np
import pytest
from tiny_network import TINY

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.deployment.onnx_export import export_onnx
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra [onnx]")
pytest.importorskip("onnxruntime", reason="the engine onnxruntime needs the extra [onnx]")


def image_of(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with files of a small network, named after what they take and give."""
    keras.utils.set_random_seed(0)
    network = build_model(TINY, num_classes=11, input_shape=(None, None, 3))
    folder = tmp_path_factory.mktemp("onnx")
    size, camvid = (64, 96), get_dataset("camvid")
    export_onnx(network, folder / "uint8.onnx", size=size, dataset=camvid)
    export_onnx(network, folder / "labels.onnx", size=size, output="labels", dataset=camvid)
    export_onnx(network, folder / "float32.onnx", size=size, image_type="float32", dataset=camvid)
    export_onnx(network, folder / "free.onnx", dynamic_size=True, dynamic_batch=True, dataset=camvid)
    return folder


def changed(source, path, *, metadata=None, change=lambda graph: None):
    """Writes `source` to `path` with other texts in its metadata, and with its graph changed in place."""
    model = onnx.load(source)
    texts = {entry.key: entry.value for entry in model.metadata_props} | (metadata or {})
    onnx.helper.set_model_props(model, texts)
    change(model.graph)
    onnx.save(model, path)
    return path


def rename(graph):
    """Gives the input and the output other names, as converters do."""
    names = {graph.input[0].name: "input.1", graph.output[0].name: "output.1"}
    for ends in [graph.input, graph.output]:
        ends[0].name = names[ends[0].name]
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def cast(kind):
    """Appends a cast of the output, as a conversion to float16 leaves it."""

    def change(graph):
        output = graph.output[0]
        for node in graph.node:
            node.output[:] = ["before" if name == output.name else name for name in node.output]
        graph.node.append(onnx.helper.make_node("Cast", ["before"], [output.name], to=kind))
        output.type.tensor_type.elem_type = kind

    return change


def fix_axes(*lengths):
    """Gives the axes of the image, and none of the output, these lengths, as ONNX Runtime's tool for it does."""

    def change(graph):
        for axis, length in zip(graph.input[0].type.tensor_type.shape.dim, lengths, strict=True):
            axis.dim_value = length

    return change


@pytest.mark.parametrize("name", ["uint8", "float32", "labels"])
def test_files_with_other_names_of_input_and_output_run(exported, tmp_path, name):
    path = changed(exported / f"{name}.onnx", tmp_path / "renamed.onnx", change=rename)
    image = image_of((64, 96))
    expected = Segmenter(exported / f"{name}.onnx", engine="onnxruntime").segment(image)
    np.testing.assert_array_equal(Segmenter(path, engine="onnxruntime").segment(image), expected)


def test_a_dynamic_file_whose_size_was_fixed_resizes_images_to_it(exported, tmp_path):
    path = changed(exported / "free.onnx", tmp_path / "fixed.onnx", change=fix_axes(1, 64, 96, 3))
    segmenter, fixed = (Segmenter(x, engine="onnxruntime") for x in (path, exported / "uint8.onnx"))
    assert segmenter.size == (64, 96)
    image = image_of((150, 130))
    np.testing.assert_array_equal(segmenter.segment(image), fixed.segment(image))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("uint8", cast(10), r"takes tensor\(uint8\) \[1, 64, 96, 3\] and gives tensor\(float16\) \[1, 8, 12, 11\]; by"),
        ("labels", cast(7), r"takes .* and gives tensor\(int64\) \[1, 64, 96\]; by its metadata it would give logi"),
        ("free", fix_axes(4, 64, 96, 3), r"takes tensor\(uint8\) \[4, 64, 96, 3\] and gives"),
    ],
)  # fmt: skip
def test_files_with_other_types_are_refused_when_they_are_opened(exported, tmp_path, name, change, message):
    path = changed(exported / f"{name}.onnx", tmp_path / "changed.onnx", change=change)
    with pytest.raises(InputError, match=f"^{path}: {message}.*; give a .onnx file that the export wrote$"):
        Segmenter(path, engine="onnxruntime")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"image": "{}"}, "has no metadata of a segmentation network"),
        ({"image": '"64 x 96"'}, "has no metadata of a segmentation network"),
        (
            {"image": '{"size_multiple": 0}'},
            "'size_multiple' in its metadata is not of the kind that the export writes",
        ),
        ({"num_classes": "null"}, "'num_classes' in its metadata is not of the kind that the export writes"),
        ({"num_classes": "5", "classes": "[]"}, "takes .* and gives .*; by its metadata it would give logits of 5 cla"),
    ],
)
def test_files_with_other_metadata_are_refused_when_they_are_opened(exported, tmp_path, metadata, message):
    path = changed(exported / "uint8.onnx", tmp_path / "changed.onnx", metadata=metadata)
    with pytest.raises(InputError, match=f"^{path}: {message}.*; give a .onnx file that the export wrote$"):
        Segmenter(path, engine="onnxruntime")


def test_a_size_that_the_network_does_not_accept_is_refused(exported, tmp_path):
    path = changed(exported / "free.onnx", tmp_path / "fixed.onnx", change=fix_axes(1, 50, 70, 3))
    with pytest.raises(
        InputError, match=f"^{path}: takes images of 50 x 70 .*, and the network needs multiples of 16; g"
    ):
        Segmenter(path, engine="onnxruntime")


def test_a_file_that_fails_while_it_runs_is_named(exported, tmp_path):
    def add_other_rows(graph):
        rename(graph)
        graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((1, 5, 1, 1), np.float32), "rows"))
        graph.node.append(onnx.helper.make_node("Add", ["output.1", "rows"], ["sum"]))
        graph.output[0].name = "sum"

    path = changed(exported / "free.onnx", tmp_path / "sum.onnx", change=add_other_rows)
    with pytest.raises(InputError, match=f"^{path}: cannot be used .*; give a .onnx file that the export wrote$"):
        Segmenter(path, engine="onnxruntime").segment(image_of((64, 96)))
