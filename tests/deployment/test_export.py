"""Exported files: what is in them, what they compute, and what stands beside them."""

import hashlib
import json
import resource
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from statistics_of_a_trained_network import with_statistics

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.deployment.export import export_saved_model, export_tflite
from contextnet_tf.deployment.parity import Parity, check_parity
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model

SIZE = (64, 96)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return fold_batch_norm(with_statistics(build_model("cn14", input_shape=(None, None, 3))))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    """A folder with saved_model/ and model.tflite of the network."""
    folder = tmp_path_factory.mktemp("export")
    settings = {"size": SIZE, "dataset": get_dataset("cityscapes"), "commit": "0123abc"}
    export_saved_model(network, folder / "saved_model", **settings)
    export_tflite(network, folder / "model.tflite", **settings)
    return folder


def test_the_tflite_file_takes_uint8_and_gives_logits_at_an_eighth(exported):
    interpreter = Interpreter(str(exported / "model.tflite"))
    assert interpreter.get_signature_list() == {"serving_default": {"inputs": ["image"], "outputs": ["logits"]}}
    (image,), (logits,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (image["dtype"], image["shape"].tolist()) == (np.uint8, [1, 64, 96, 3])
    assert (logits["dtype"], logits["shape"].tolist()) == (np.float32, [1, 8, 12, 19])


def test_exported_files_compute_what_the_network_computes(exported, network, images):
    for name in ("saved_model", "model.tflite"):
        parity = check_parity(exported / name, network, images)
        assert parity.largest_logit > 0.1
        assert parity.largest_difference < 1e-4 * parity.largest_logit
        assert parity.label_parity > 0.999


def test_the_check_sees_another_network(exported, images):
    image = keras.Input((None, None, 3))
    small = keras.layers.Conv2D(19, 8, strides=8, name="classifier")(image)
    logits = keras.layers.UpSampling2D(8, interpolation="bilinear")(small)
    other = keras.Model(image, {"main": logits}, name="other")
    parity = check_parity(exported / "model.tflite", other, images)
    assert parity.largest_difference > 0.1 * parity.largest_logit
    assert parity.label_parity < 0.9


def test_check_by_hand(tmp_path, images):
    # Logits are the image's red and green, from 0 to 1; the copy's are each 0.125 more.
    image = keras.Input((None, None, 3))
    convolution = keras.layers.Conv2D(2, 1, name="classifier")
    model = keras.Model(image, {"main": convolution(image)})
    kernel = np.eye(3, 2, dtype=np.float32)[None, None]
    convolution.set_weights([kernel, np.zeros(2, np.float32)])
    export_tflite(model, tmp_path / "model.tflite", size=(8, 8))
    convolution.set_weights([kernel, np.full(2, 0.125, np.float32)])
    image = np.zeros((1, 8, 8, 3), np.uint8)
    image[..., 0] = 255
    parity = check_parity(tmp_path / "model.tflite", model, image)
    assert parity == Parity(pytest.approx(0.125, rel=1e-5), pytest.approx(1.125, rel=1e-5), label_parity=1.0)
    convolution.set_weights([kernel, np.array([0, 2], np.float32)])
    assert check_parity(tmp_path / "model.tflite", model, image).label_parity == 0.0


def test_a_saved_model_serves_where_this_package_is_not(exported, network, images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    program = """
import sys, numpy as np, tensorflow as tf
sys.modules["contextnet_tf"] = None  # any import of it fails
signatures = tf.saved_model.load(sys.argv[1]).signatures
images = np.load("images.npy")
floats = (images / 255.0).astype(np.float32)
np.savez(
    "outputs.npz",
    labels=signatures["serving_default"](image=tf.constant(images))["labels"],
    one=signatures["serving_default"](image=tf.constant(images[1:]))["labels"],
    logits=signatures["logits"](image=tf.constant(images))["logits"],
    labels_from_float=signatures["labels_from_float"](image=tf.constant(floats))["labels"],
    logits_from_float=signatures["logits_from_float"](image=tf.constant(floats))["logits"],
)
"""
    command = [sys.executable, "-c", program, str(exported / "saved_model")]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    outputs = np.load(tmp_path / "outputs.npz")
    expected = network(images / np.float32(255), training=False)["main"].numpy()
    for name in ("logits", "logits_from_float"):
        assert outputs[name].dtype == np.float32
        np.testing.assert_allclose(outputs[name], expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    for name in ("labels", "labels_from_float"):
        assert (outputs[name].dtype, outputs[name].shape) == (np.uint8, (2, 64, 96))
        assert (outputs[name] == expected.argmax(-1)).mean() > 0.999
    np.testing.assert_array_equal(outputs["one"], outputs["labels"][1:])


def test_metadata_beside_the_files(exported):
    metadata = json.loads((exported / "model.json").read_text())
    assert [x["name"] for x in metadata["classes"]][:3] == ["road", "sidewalk", "building"]
    assert metadata.pop("classes")[18] == {"name": "bicycle", "category": "vehicle", "color": [119, 11, 32]}
    assert metadata.pop("sha256") == hashlib.sha256((exported / "model.tflite").read_bytes()).hexdigest()
    assert metadata == {
        "model": "cn14",
        "num_classes": 19,
        "dataset": "cityscapes",
        "class_table": None,
        "image": {
            "size": [64, 96],
            "size_multiple": 32,
            "type": "uint8",
            "channels": "RGB",
            "normalization": "image / 255, inside the file",
        },
        "output": "logits",
        "output_factor": 8,
        "precision": "float32",
        "commit": "0123abc",
    }
    assert json.loads((exported / "saved_model" / "model.json").read_text())["output_factor"] == 1


def test_normalization_that_no_kernel_can_take_in_stays_in_the_file(tmp_path):
    # The image meets a sum first, so that the factor 1/255 has to be applied to the image itself.
    image = keras.Input((8, 8, 3))
    shifted = keras.layers.Rescaling(2.0, offset=-1.0)(image)
    convolution = keras.layers.Conv2D(2, 1, name="classifier")
    model = keras.Model(image, {"main": convolution(shifted)})
    export_tflite(model, tmp_path / "model.tflite")
    image = np.random.default_rng(3).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    assert check_parity(tmp_path / "model.tflite", model, image).largest_difference < 1e-5


def test_a_kernel_that_sees_more_than_the_image_is_left_alone(tmp_path):
    image = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 1)
    model = keras.Model(image, {"main": shared(shared(image))})
    export_tflite(model, tmp_path / "model.tflite")
    image = np.random.default_rng(4).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    assert check_parity(tmp_path / "model.tflite", model, image).largest_difference < 1e-5


@pytest.mark.parametrize("export", [export_saved_model, export_tflite])
def test_what_cannot_be_exported(export, network, tmp_path):
    target = tmp_path / "model.tflite"
    with pytest.raises(InputError, match="give height and width"):
        export(network, target)
    with pytest.raises(InputError, match=r"size 100 x 96 .* multiples of 32, for example 128 x 96"):
        export(network, target, size=(100, 96))
    with pytest.raises(InputError, match="size 0 x 96"):
        export(network, target, size=(0, 96))
    with pytest.raises(InputError, match="has 19 classes, dataset 'camvid' has 11"):
        export(network, target, size=SIZE, dataset=get_dataset("camvid"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written as a folder"):
        export(network, tmp_path / "file" / "model.tflite", size=SIZE)


def test_an_unknown_precision_names_the_known_ones(network, tmp_path):
    with pytest.raises(InputError, match="precision 'int4' is not available; choose from: float32, float16, int8"):
        export_tflite(network, tmp_path / "model.tflite", "int4", size=SIZE)


def test_exporting_leaves_the_network_as_it_was(images, tmp_path):
    image = keras.Input((64, 96, 3))
    model = keras.Model(image, {"main": keras.layers.Conv2D(2, 1)(image)})
    before = [weights.copy() for weights in model.get_weights()]
    export_tflite(model, tmp_path / "model.tflite")
    for weights, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, kept)


def test_a_folder_that_is_no_saved_model(network, images, tmp_path):
    with pytest.raises(InputError, match="is not a SavedModel"):
        check_parity(tmp_path, network, images)
    with pytest.raises(InputError, match="is not a file"):
        check_parity(tmp_path / "absent.tflite", network, images)


def test_any_batch_size_is_in_the_signature(exported):
    signatures = tf.saved_model.load(str(exported / "saved_model")).signatures
    assert sorted(signatures) == ["labels_from_float", "logits", "logits_from_float", "serving_default"]
    shapes = {name: x.structured_input_signature[1]["image"].shape for name, x in signatures.items()}
    assert all(shape.as_list() == [None, 64, 96, 3] for shape in shapes.values())


def test_no_room_for_a_saved_model(tmp_path):
    """TensorFlow writes it, and reports a full disk by errors of its own."""
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "saved_model.pb").touch()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(
            InputError, match=r"/saved_model: cannot be written \(File too large\); free disk space and start again$"
        ):
            export_saved_model(build_model("cn14-160", input_shape=(64, 64, 3)), tmp_path / "saved_model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert [path.name for path in tmp_path.rglob("*")] == ["saved_model", "saved_model.pb"]


def test_a_run_is_not_replaced_by_a_saved_model(network, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-4.npz").touch()
    with pytest.raises(InputError, match="holds other files; only a folder with saved_model.pb is replaced"):
        export_saved_model(network, tmp_path, size=SIZE)
    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoints", "step-4.npz"]
