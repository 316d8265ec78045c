"""The exported files of a run: names, formats, the limits of parity, and folders of exports that were killed."""

import math
import subprocess
import sys

import numpy as np
import pytest
from tiny_network import write_tiny_network

from contextnet_tf.deployment import checked_export
from contextnet_tf.deployment.parity import Parity, require_parity
from contextnet_tf.errors import InputError
from contextnet_tf.folders import staging_dir
from contextnet_tf.models.loading import load_network


def test_names():
    assert checked_export.tflite_name("float32", "logits") == "model.tflite"
    assert checked_export.tflite_name("int8", "logits") == "model_int8.tflite"
    assert checked_export.tflite_name("float16", "labels") == "model_float16_labels.tflite"
    assert checked_export.onnx_name() == "model.onnx"
    assert checked_export.onnx_name("labels", dynamic_batch=True) == "model_labels_any_batch.onnx"
    assert checked_export.onnx_name(image_type="float32", dynamic_size=True) == "model_float_image_any_size.onnx"


def test_formats():
    assert checked_export.chosen_formats(None, "float32", "logits") == ("saved_model", "tflite")
    assert checked_export.chosen_formats(None, "int8", "logits") == ("tflite",)
    assert checked_export.chosen_formats(("saved_model",), "float32", "logits") == ("saved_model",)
    for arguments, message in (
        ((None, "int4", "logits"), "`precision=int4`: choose from float32, float16, int8"),
        ((None, "int8", "boxes"), "`output=boxes`: choose from logits, labels, probabilities"),
        ((("pt",), "float32", "logits"), "`format=pt`: choose from saved_model, tflite, onnx, both"),
        ((("onnx",), "int8", "logits"), "an ONNX file has float32 weights and gives logits or labels"),
        ((("onnx",), "float32", "probabilities"), "an ONNX file has float32 weights and gives logits or labels"),
        ((("saved_model",), "int8", "logits"), "leave out `precision` and `output`"),
    ):
        with pytest.raises(InputError, match=message):
            checked_export.chosen_formats(*arguments)


@pytest.mark.parametrize(
    ("parity", "precision", "within"),
    [
        (Parity(0.001, 1.0, 1.0), "float32", True),
        (Parity(0.002, 1.0, 1.0), "float32", False),
        (Parity(0.002, 1.0, 1.0), "float16", True),
        (Parity(0.002, 4.0, 1.0), "float32", True),
        (Parity(0.0, 1.0, 0.998), "float32", False),
        (Parity(0.9, 1.0, 0.81), "int8", True),
        (Parity(None, 1.0, 1.0), "float32", True),  # labels
        (Parity(0.0, 0.0, 1.0), "float32", True),  # logits that are all zero
        (Parity(0.1, 0.0, 1.0), "int8", False),
        (Parity(math.nan, math.nan, 1.0), "int8", False),
    ],
)
def test_limits_of_parity(parity, precision, within):
    assert parity.within_limits(precision) is within


def test_a_file_of_another_network_is_no_parity(tmp_path):
    write_tiny_network(tmp_path / "tiny.keras", 5)
    network = load_network(tmp_path / "tiny.keras")
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), np.uint8)
    checked_export.export_tflite(network, tmp_path / "model.tflite", size=(32, 64))
    assert require_parity(tmp_path / "model.tflite", network, images, "float32").label_parity > 0.999
    network.get_layer("classifier").kernel.assign(-network.get_layer("classifier").kernel)
    with pytest.raises(InputError, match="model.tflite: differs too much from the network"):
        require_parity(tmp_path / "model.tflite", network, images, "float32")


def test_what_a_killed_export_left_is_removed_by_the_next_one(tmp_path):
    program = (
        "import os, sys\n"
        "from contextnet_tf.folders import staging_dir\n"
        "with staging_dir(sys.argv[1]) as staging:\n"
        "    (staging / 'saved_model').mkdir()\n"
        "    (staging / 'saved_model' / 'large').write_text('much')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -9 and len(list(tmp_path.iterdir())) == 1
    (tmp_path / "model.tflite").write_text("older")
    with staging_dir(tmp_path) as staging:
        assert {path.name for path in tmp_path.iterdir()} == {"model.tflite", staging.name}
        with staging_dir(tmp_path) as another:  # one that is at work is left alone
            assert staging.exists() and another.exists() and another != staging
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]


def test_a_folder_replaces_an_older_one_as_a_whole(tmp_path):
    older = tmp_path / "export" / "saved_model"
    older.mkdir(parents=True)
    (older / "older").write_text("older")
    (older / "saved_model.pb").write_text("older")
    write_tiny_network(tmp_path / "tiny.keras", 5)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), np.uint8)
    (exported,) = checked_export.export_checked(
        load_network(tmp_path / "tiny.keras"), tmp_path / "export", formats=("saved_model",), images=images, tflite={},
        size=(32, 64),
    )  # fmt: skip
    assert exported.path == older and exported.parity.label_parity == 1.0 and exported.layer_errors is None
    assert (older / "saved_model.pb").exists() and not (older / "older").exists()
    assert [path.name for path in older.parent.iterdir()] == ["saved_model"]


def test_a_folder_of_other_files_is_not_replaced(tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "notes").touch()
    with pytest.raises(InputError, match="saved_model: holds other files; only a folder with saved_model.pb is replac"):
        checked_export.export_checked(None, tmp_path, formats=("tflite", "saved_model"), images=None, tflite={})
    assert [path.name for path in tmp_path.rglob("*")] == ["saved_model", "notes"]


def test_a_folder_in_place_of_a_file_is_named_and_kept_and_nothing_is_replaced(tmp_path):
    (tmp_path / "export" / "model.json").mkdir(parents=True)
    (tmp_path / "export" / "model.tflite").write_text("older")
    write_tiny_network(tmp_path / "tiny.keras", 5)
    with pytest.raises(InputError, match="export/model.json: is a folder where a file is to be written; move it away$"):
        checked_export.export_checked(
            load_network(tmp_path / "tiny.keras"), tmp_path / "export", formats=("tflite",), tflite={}, size=(32, 64),
            images=np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), np.uint8),
        )  # fmt: skip
    assert (tmp_path / "export" / "model.tflite").read_text() == "older"
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == ["model.json", "model.tflite"]
