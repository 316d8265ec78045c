"""Files of every precision and output from the programs: export, evaluate and compare_precision."""

import json

import pytest
from program_calls import refused
from tiny_network import write_tiny_network

from contextnet_tf.evaluation.evaluate import Report
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.runs.sections import Accuracy, DatasetSection, EvaluationSection
from experiments import compare_precision, evaluate, export


@pytest.fixture
def run_dir(camvid_dir, tmp_path):
    """The folder of a measured run on `camvid_dir`, with the tiny network."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_tiny_network(folder / "best.keras", 11)
    update_results(
        folder,
        DatasetSection("camvid", "val", data_dir=str(camvid_dir)),
        EvaluationSection(Accuracy(mean_iou=0.25), "best.keras", dataset="camvid", split="val"),
    )
    return folder


@pytest.fixture
def called(call, run_dir):
    """Calls a program on the run: `called(export, "--precision=int8")`."""
    return lambda module, *arguments: call(module, f"--checkpoint={run_dir}", f"--output_dir={run_dir}", *arguments)


INT8 = ("--precision=int8", "--calibration_images=6")


def test_files_of_several_kinds_stand_side_by_side(called, run_dir):
    assert called(export, "--format=tflite").status == 0
    before = (run_dir / "export" / "model.tflite").read_bytes()
    for arguments in (("--precision=float16",), INT8, ("--output=labels",), (*INT8, "--output=labels")):
        assert called(export, *arguments).status == 0
    assert sorted(x.name for x in (run_dir / "export").iterdir()) == [
        "model.json", "model.tflite", "model_float16.json", "model_float16.tflite", "model_int8.json",
        "model_int8.tflite", "model_int8_labels.json", "model_int8_labels.tflite", "model_int8_labels_layers.json",
        "model_int8_layers.json", "model_labels.json", "model_labels.tflite",
    ]  # fmt: skip
    assert (run_dir / "export" / "model.tflite").read_bytes() == before
    files = read_results(run_dir).export.files
    assert files["model.tflite"].path == "export/model.tflite" and files["model.tflite"].bytes == len(before)
    assert {name: file.precision for name, file in files.items()} == {
        "model.tflite": "float32", "model_float16.tflite": "float16", "model_int8.tflite": "int8",
        "model_labels.tflite": "float32", "model_int8_labels.tflite": "int8",
    }  # fmt: skip
    assert list(files["model_int8.tflite"].layer_errors) == ["classifier"]


def test_int8_says_what_it_was_calibrated_with_and_which_layers_suffer(called, run_dir):
    shown = called(export, *INT8)
    assert shown.status == 0
    assert (
        "model_int8.tflite: 0.0" in shown.out
        and "relative errors of the layers, the largest 1 of 1:\n    classifier" in shown.out
    )
    metadata = json.loads((run_dir / "export" / "model_int8.json").read_text())
    assert metadata["classes"][0] == {"name": "sky", "category": "sky", "color": [128, 128, 128]}
    assert metadata["image"]["size"] == [64, 96]
    assert {name: metadata[name] for name in ("precision", "output", "calibration_images", "calibration_split")} == {
        "precision": "int8", "output": "logits", "calibration_images": 6, "calibration_split": "camvid train"
    }  # fmt: skip
    assert metadata["accuracy"] == {
        "mean_iou": 0.25, "dataset": "camvid", "split": "val", "of": "the network, not this file"
    }  # fmt: skip
    errors = json.loads((run_dir / "export" / "model_int8_layers.json").read_text())
    assert 0 < errors["classifier"] < 0.1
    called(export, *INT8, "--float_layers=classifier")
    exact = json.loads((run_dir / "export" / "model_int8_layers.json").read_text())
    assert exact["classifier"] < 1e-5


def test_the_splits_of_the_run_check_and_calibrate(called, run_dir, camvid_dir):
    def exported(**splits):
        update_results(run_dir, flags={"train": splits})
        assert called(export, *INT8).status == 0
        file = read_results(run_dir).export.files["model_int8.tflite"]
        metadata = json.loads((run_dir / "export" / "model_int8.json").read_text())
        return file.split, file.checked_with, metadata["calibration_split"]

    both = {"train_splits": ["train", "val"]}
    assert exported(**both, val_split="none") == ("val", "2 images of camvid val", "camvid train+val")
    held_out = "train+val, p1 held out"
    assert exported(**both, holdout=["p1"]) == (
        held_out, f"2 images of camvid {held_out}", "camvid train+val, p1 left out"
    )  # fmt: skip


def test_without_validation_images_training_images_check(called, run_dir, camvid_dir):
    (camvid_dir / "val.txt").unlink()
    assert called(export, "--format=tflite", f"--data_dir={camvid_dir}").status == 0
    file = read_results(run_dir).export.files["model.tflite"]
    assert (file.split, file.checked_with) == ("train", "4 images of camvid train")
    (camvid_dir / "train.txt").unlink()
    refused(called(export, "--format=tflite", f"--data_dir={camvid_dir}"), "has no val.txt")


def test_a_small_dataset_calibrates_on_all_its_images(called, run_dir):
    exported = called(export, "--precision=int8")
    assert exported.status == 0 and "note: int8 is calibrated on all 6 training images\n" in exported.err, exported.err
    assert read_results(run_dir).export.files["model_int8.tflite"].calibration_images == 6


def test_export_refuses_with_one_line_and_leaves_nothing(called, call, run_dir, camvid_dir, tmp_path):
    refused(called(export, "--precision=int4"), "--precision=int4: choose from float32, float16, int8")
    refused(called(export, "--output=colors"), "--output=colors: choose from logits, labels, probabilities")
    refused(called(export, "--format=coreml"), "--format=coreml: choose from saved_model, tflite, onnx, both")
    refused(called(export, "--format=saved_model", "--precision=int8"), "a SavedModel has float32 weights")
    refused(called(export, "--format=both", "--output=labels"), "leave out --precision and --output")
    refused(
        called(export, "--precision=int8", "--calibration_images=50"),
        "--calibration_images=50: camvid has only 6 training images; give at most that",
    )
    refused(called(export, *INT8[:1], "--calibration_images=1"), "1 given, at least 2 are needed")
    refused(
        called(export, *INT8, "--float_layers=conv9"), "'conv9' is not a layer with a kernel; choose from: classifier"
    )
    refused(called(export, *INT8, "--height=63", "--width=96"), "multiples of 8")
    (tmp_path / "lone.keras").write_bytes((run_dir / "best.keras").read_bytes())
    lone = (f"--checkpoint={tmp_path / 'lone.keras'}", f"--output_dir={tmp_path / 'out'}", "--height=64", "--width=96")
    refused(call(export, *lone, *INT8), "int8 is calibrated on training images: give --dataset and --data_dir")
    refused(
        call(export, *lone, *INT8, "--dataset=streets", f"--data_dir={camvid_dir}"),
        "11 classes, dataset 'streets' has 19",
    )
    assert not list((run_dir / "export").glob("*")) and not list((tmp_path / "out").rglob("*.*"))


def test_evaluate_measures_an_exported_file(called, call, run_dir, camvid_dir, tmp_path):
    called(export, "--format=tflite")
    file = run_dir / "export" / "model.tflite"
    shown = call(evaluate, f"--checkpoint={file}", f"--output_dir={tmp_path / 'a'}")
    network = call(evaluate, f"--checkpoint={run_dir}", f"--output_dir={tmp_path / 'b'}")
    assert shown.status == 0 and shown.out == network.out
    called(export, "--format=saved_model")
    folder = run_dir / "export" / "saved_model"
    assert call(evaluate, f"--checkpoint={folder}", f"--output_dir={tmp_path / 'd'}").out == network.out
    assert read_results(tmp_path / "d").evaluation.checkpoint == "saved_model"
    assert read_results(tmp_path / "a").evaluation.checkpoint == "model.tflite"
    other = call(evaluate, f"--checkpoint={file}", "--dataset=streets", f"--output_dir={tmp_path / 'c'}")
    refused(other, "model.tflite: the network has 11 classes, dataset 'streets' has 19")
    refused(call(evaluate, "--checkpoint=no.tflite", "--dataset=camvid", f"--output_dir={tmp_path}"), "is not a file")


def test_compare_precision_measures_all_files(called, run_dir):
    refused(called(compare_precision), "export: holds no model.tflite; run experiments.export first")
    called(export, "--format=tflite")
    refused(called(compare_precision), "export: holds only model.tflite; run experiments.export with --precision=int8")
    called(export, *INT8)
    called(export, "--output=labels")
    shown = called(compare_precision)
    assert shown.status == 0
    header, *lines = shown.out.splitlines()
    assert header.split() == ["class", "model.tflite", "model_int8.tflite", "model_labels.tflite"]
    figures = read_results(run_dir).precision.files
    assert figures["model_labels.tflite"].accuracy.confusion == figures["model.tflite"].accuracy.confusion
    assert any(line.startswith("mean IoU") and line.endswith("(+0.00)") for line in lines)
    assert (run_dir / "precision.md").read_text().startswith("| class | model.tflite | model_int8.tflite | ")


def test_compare_precision_takes_the_images_that_the_run_held_out(called, run_dir):
    update_results(run_dir, flags={"train": {"train_splits": ["train", "val"], "holdout": ["p1"]}})
    called(export, *INT8, "--format=tflite")
    called(export, "--format=tflite")
    assert called(compare_precision).status == 0
    section = read_results(run_dir).precision
    assert section.split == "train+val, p1 held out"
    assert {file.accuracy.images for file in section.files.values()} == {2}


def test_the_table_by_hand():
    def report(road: float, car: float) -> Report:
        return Report({"road": road, "car": car}, {"all": 1.0}, 0.5, None, 1)

    table = compare_precision.precision_table({"model.tflite": report(0.9, 0.5), "b": report(0.895, 0.51)})
    assert table.splitlines()[2:] == [
        "| road | 90.00 | 89.50 (-0.50) |",
        "| car | 50.00 | 51.00 (+1.00) |",
        "| mean IoU | 70.00 | 70.25 (+0.25) |",
        "| mean over categories | 100.00 | 100.00 (+0.00) |",
        "| pixel accuracy | 50.00 | 50.00 (+0.00) |",
    ]


def test_a_class_that_does_not_occur_has_no_difference():
    nan = float("nan")

    def report(bus: float) -> Report:
        return Report({"road": 0.9, "train": nan, "bus": bus}, {"all": 1.0}, 0.5, None, 1)

    table = compare_precision.precision_table({"model.tflite": report(nan), "b": report(0.0), "c": report(nan)})
    assert table.splitlines()[2:5] == [
        "| road | 90.00 | 90.00 (+0.00) | 90.00 (+0.00) |", "| train | – | – | – |", "| bus | – | 0.00 | – |"
    ]  # fmt: skip
