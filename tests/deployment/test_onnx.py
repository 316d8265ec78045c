"""ONNX files: what is in them, and the same labels in ONNX Runtime, OpenVINO and the network."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from portable_networks import NETWORKS, REGISTERED, network_of
from tiny_network import TINY

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.deployment.onnx_export import export_onnx
from contextnet_tf.deployment.parity import check_parity
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra [onnx]")
pytest.importorskip("onnxruntime", reason="the engine onnxruntime needs the extra [onnx]")


def image_of(size: tuple[int, int], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A small ContextNet for images of any size."""
    keras.utils.set_random_seed(0)
    return build_model(TINY, num_classes=11, input_shape=(None, None, 3))


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    """A folder with files of the network, named after what they take and give."""
    folder = tmp_path_factory.mktemp("onnx")
    settings = {"dataset": get_dataset("camvid"), "commit": "0123abc", "notes": {"accuracy": {"mean_iou": 0.5}}}
    export_onnx(network, folder / "uint8.onnx", size=(64, 96), **settings)
    export_onnx(network, folder / "labels.onnx", size=(64, 96), output="labels")
    export_onnx(network, folder / "float32.onnx", size=(64, 96), image_type="float32")
    free = {"dynamic_size": True, "dynamic_batch": True}
    export_onnx(network, folder / "free.onnx", **free)
    export_onnx(network, folder / "free_labels.onnx", image_type="float32", output="labels", **free)
    return folder


def ends(path):
    """(name, type, shape) of the file's input and output."""
    graph = onnx.load(path).graph
    return [
        (
            value.name,
            onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type),
            [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim],
        )
        for value in (*graph.input, *graph.output)
    ]


def test_inputs_and_outputs(exported):
    fixed = [("image", "UINT8", [1, 64, 96, 3]), ("logits", "FLOAT", [1, 8, 12, 11])]
    assert ends(exported / "uint8.onnx") == fixed
    assert ends(exported / "labels.onnx") == [fixed[0], ("labels", "UINT8", [1, 64, 96])]
    assert ends(exported / "float32.onnx") == [
        ("image", "FLOAT", [1, 3, 64, 96]), ("logits", "FLOAT", [1, 11, 8, 12]),
    ]  # fmt: skip
    assert ends(exported / "free.onnx") == [
        ("image", "UINT8", ["batch", "height", "width", 3]), ("logits", "FLOAT", ["batch", "height/8", "width/8", 11]),
    ]  # fmt: skip
    assert ends(exported / "free_labels.onnx") == [
        ("image", "FLOAT", ["batch", 3, "height", "width"]), ("labels", "UINT8", ["batch", "height", "width"]),
    ]  # fmt: skip


def test_opset_operators_and_names(exported):
    model = onnx.load(exported / "float32.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(x.domain, x.version) for x in model.opset_import] == [("", 17)] and model.ir_version == 8
    operators = {node.op_type for node in model.graph.node}
    assert operators == {"AveragePool", "Conv", "Clip", "Add", "Resize", "Identity"}  # batch normalization is folded
    assert "context_bottleneck1_1_project_kernel" in {x.name for x in model.graph.initializer}


def test_metadata_are_inside(exported):
    texts = {x.key: x.value for x in onnx.load(exported / "float32.onnx").metadata_props}
    assert texts["Image.BitmapPixelFormat"] == "Rgb8" and texts["Image.NominalPixelRange"] == "Normalized_0_1"
    assert texts["num_classes"] == "11"
    metadata = Segmenter(exported / "uint8.onnx", engine="onnxruntime").metadata
    assert metadata.pop("classes")[3] == {"name": "road", "category": "flat", "color": [128, 64, 128]}
    assert metadata == {
        "model": "tiny",
        "num_classes": 11,
        "dataset": "camvid",
        "class_table": None,
        "image": {
            "size": [64, 96],
            "size_multiple": 16,
            "type": "uint8",
            "channels": "RGB",
            "normalization": "image / 255, inside the file",
        },
        "output": "logits",
        "output_factor": 8,
        "precision": "float32",
        "commit": "0123abc",
        "accuracy": {"mean_iou": 0.5},
    }


@pytest.mark.parametrize("name", ["uint8", "labels", "float32", "free", "free_labels"])
def test_every_kind_of_file_has_the_networks_labels(exported, network, name):
    size = (96, 64) if name.startswith("free") else (64, 96)
    parity = check_parity(exported / f"{name}.onnx", network, image_of(size)[np.newaxis])
    assert parity.label_parity > 0.999
    if "labels" not in name:
        assert 0 < parity.largest_difference < 1e-4 * parity.largest_logit


def test_several_images_at_once(exported, network):
    import onnxruntime

    images = np.stack([image_of((64, 96), seed) for seed in range(3)])
    session = onnxruntime.InferenceSession(exported / "free.onnx")
    (logits,) = session.run(None, {"image": images})
    engine = Segmenter(exported / "free.onnx", engine="onnxruntime")
    for image, found in zip(images, logits, strict=True):
        np.testing.assert_allclose(found, engine._engine.logits(image), atol=1e-4)


@pytest.mark.parametrize("name", [*NETWORKS, *REGISTERED])
def test_every_network_has_the_same_labels_in_onnx_runtime(name, tmp_path):
    network = network_of(name)
    image = image_of(network.input_shape[1:3])
    logits = network(image[np.newaxis].astype(np.float32) / 255)["main"].numpy()[0]
    first, second = np.sort(logits, axis=-1)[..., :-3:-1].transpose(2, 0, 1)
    clear = first - second > 1e-4 * np.abs(logits).max()  # of the others rounding decides
    assert clear.mean() > 0.95
    for output in ("labels", "logits") if name in NETWORKS else ("logits",):
        export_onnx(network, tmp_path / "model.onnx", output=output)
        labels = Segmenter(tmp_path / "model.onnx", engine="onnxruntime").segment(image)
        assert (labels.dtype, labels.shape) == (np.uint8, image.shape[:2])
        assert np.array_equal(labels[clear], logits.argmax(axis=-1)[clear])


def test_openvino_reads_the_files(exported, network):
    openvino = pytest.importorskip("openvino")
    image = image_of((64, 96))
    expected = network(image[np.newaxis] / np.float32(255))["main"].numpy()[0].argmax(axis=-1)
    chw = np.ascontiguousarray(image.transpose(2, 0, 1)) / np.float32(255)
    for name, value in (("labels", image), ("free_labels", chw)):
        compiled = openvino.Core().compile_model(exported / f"{name}.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        assert (compiled([value[np.newaxis]])[0][0] == expected).mean() > 0.999
        del compiled  # two at once would leave this thread without a stack for its signal handlers


def test_any_size_is_padded_to_the_next_multiples(exported, network):
    segmenter = Segmenter(exported / "free.onnx", engine="onnxruntime", num_threads=1)
    assert segmenter.size is None and segmenter.workers == len(os.sched_getaffinity(0))
    image = image_of((60, 90))
    padded = np.pad(image, ((0, 4), (0, 6), (0, 0)), mode="edge")
    expected = network(padded[np.newaxis] / np.float32(255))["main"].numpy()[0].argmax(axis=-1)[:60, :90]
    assert (segmenter.segment(image) == expected).mean() > 0.999
    frames = [image_of((60, 90), seed) for seed in range(4)]
    streamed = list(segmenter.stream(frames))
    assert np.array_equal(streamed, [segmenter.segment(frame) for frame in frames])


def test_what_cannot_be_exported(network, tmp_path):
    path = tmp_path / "model.onnx"
    for settings, message in (
        ({"size": (64, 96), "image_type": "uint16"}, "image_type 'uint16' is not available; choose from: uint8, fl"),
        ({"size": (64, 96), "output": "probabilities"}, "output 'probabilities' is not available; choose from: logits"),
        ({"size": (64, 96), "dynamic_size": True}, "`dynamic_size` takes images of all sizes: leave out the size"),
        ({}, "give height and width"),
        ({"size": (100, 96)}, "multiples of 16, for example 112 x 96"),
        ({"size": (64, 96), "dataset": get_dataset("cityscapes")}, "has 11 classes, dataset 'cityscapes' has 19"),
    ):
        with pytest.raises(InputError, match=message):
            export_onnx(network, path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_files_that_the_engine_does_not_take(exported, tmp_path):
    (tmp_path / "text.onnx").write_text("no network at all")
    whole = (exported / "uint8.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    model = onnx.load(exported / "uint8.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    for source, message in (
        (tmp_path / "absent.onnx", "absent.onnx: is not a file; give a .onnx file that the export wrote"),
        (tmp_path / "text.onnx", "text.onnx: cannot be used"),
        (tmp_path / "cut.onnx", "cut.onnx: cannot be used"),
        (tmp_path / "foreign.onnx", "foreign.onnx: has no metadata of a segmentation network"),
        (3, "runs a .onnx file, not a int; give its path"),
    ):
        with pytest.raises(InputError, match=message):
            Segmenter(source, engine="onnxruntime")


def test_the_extra_is_named_where_it_is_missing(network, monkeypatch, tmp_path):
    for module in ("contextnet_tf.deployment.onnx_graph", "contextnet_tf.deployment.engines.onnx_runtime"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)  # as Python marks a module that cannot be imported
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    remedy = r"which is not installed; in the checkout: pip install -e '\.\[onnx\]'$"
    with pytest.raises(InputError, match=f"an ONNX file needs onnx, {remedy}"):
        export_onnx(network, tmp_path / "model.onnx", size=(64, 96))
    with pytest.raises(InputError, match=f"onnxruntime needs onnxruntime, {remedy}"):
        Segmenter(tmp_path / "model.onnx", engine="onnxruntime")


def test_the_engine_needs_neither_tensorflow_nor_onnx(exported):
    program = (
        "import sys, numpy as np\n"
        "sys.modules.update(tensorflow=None, keras=None, onnx=None)\n"
        "from contextnet_tf.deployment.segmenter import Segmenter\n"
        "labels = Segmenter(sys.argv[1], engine='onnxruntime').segment(np.zeros((64, 96, 3), np.uint8))\n"
        "print(labels.shape)\n"
    )
    command = [sys.executable, "-c", program, str(exported / "free.onnx")]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.stdout == "(64, 96)\n", finished.stderr
