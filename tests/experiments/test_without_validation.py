"""A run without validation: what comes after the training takes it as it is."""

import json
import re

import keras
import pytest
from tiny_network import TINY

from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.results import read_results
from experiments import evaluate, export, report, train
from experiments.splits import NO_VALIDATION, Splits


@pytest.fixture(scope="module")
def run_dir(camvid_module_dir, tmp_path_factory):
    """A run on the splits train and val of a small network."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("run")
    train.run(
        model=build_model(TINY, num_classes=11, input_shape=(None, None, 3), aux_head=True),
        dataset="camvid",
        data_dir=str(camvid_module_dir),
        output_dir=str(folder),
        recipe="smoke",
        data_splits=Splits(("train", "val"), NO_VALIDATION),
        changes={"batch_size": 4},
    )
    return folder


def test_it_has_a_report_that_says_what_is_missing(run_dir):
    page = report.run(output_dir=str(run_dir)).read_text(encoding="utf-8")
    assert "<h1>tiny on CamVid</h1>" in page
    assert "classes (run evaluate)" in page and "confusion (run evaluate)" in page
    assert re.findall(r'<section id="(\w+)"', page) == ["training", "network", "origin"]


def test_it_is_exported(run_dir):
    export.run(checkpoint=str(run_dir), output_dir=str(run_dir), formats=("tflite",))
    file = read_results(run_dir).export.files["model.tflite"]
    assert (file.dataset, file.split) == ("camvid", "val") and file.label_parity > 0.99
    metadata = json.loads((run_dir / "export" / "model.json").read_text())
    assert metadata["accuracy"] is None and len(metadata["classes"]) == 11


def test_it_can_be_evaluated_afterwards(run_dir, caplog):
    evaluate.run(checkpoint=str(run_dir), output_dir=str(run_dir))
    assert (
        "the network was trained on val too; on other images it is less accurate than these figures" in caplog.messages
    )
    section = read_results(run_dir).evaluation
    assert (section.split, section.accuracy.images) == ("val", 2)
    assert "of the validation split" in report.run(output_dir=str(run_dir)).read_text(encoding="utf-8")
