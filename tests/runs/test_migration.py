"""The folder of a run as version 0.1 wrote it, read by today's code."""

import json
import pathlib
import shutil

import pytest

from contextnet_tf.runs.history import read_history
from contextnet_tf.runs.migration import migrated_metadata
from contextnet_tf.runs.provenance import Provenance
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.runs.sections import ModelSection
from contextnet_tf.runs.studies import AblationRow

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "run"


@pytest.fixture(scope="module")
def golden():
    return read_results(GOLDEN)


def test_sections_of_the_golden_run(golden):
    assert (golden.dataset.name, golden.dataset.images, golden.dataset.class_table) == ("streets", 2, None)
    assert golden.dataset.classes[0].color == (128, 64, 128)
    recipe = golden.training.recipe
    assert {name: recipe[name] for name in (
        "class_weight_exponent", "ema_decay", "class_uniform_fraction", "ohem_threshold", "bn_recalibration_batches"
    )} == {
        "class_weight_exponent": 0.5, "ema_decay": 0.998, "class_uniform_fraction": 0.0, "ohem_threshold": 1.0,
        "bn_recalibration_batches": 0,
    }  # fmt: skip
    assert (golden.training.epochs, golden.training.recipe_epochs) == (4, 1)
    assert not {"class_balance", "averaging", "hard_below"} & set(recipe)
    assert golden.evaluation.accuracy.images == 2
    assert golden.evaluation.accuracy.class_iou["road"] == 0.10702914523634582
    assert golden.evaluation.accuracy.class_iou["train"] is None
    assert golden.runtime.images == 2 and golden.runtime.frames_per_second == 4748.0675367516915
    int8 = golden.export.files["model_int8.tflite"]
    assert (int8.label_parity, int8.calibration_images) == (0.91668701171875, 6)
    assert int8.checked_with == "2 images of streets val" and int8.layer_errors["classifier"] == 0.10632480981566839


def test_a_figure_gets_an_environment_only_where_it_is_known(golden):
    # train and evaluate wrote the one environment of the file; only the evaluation is of both.
    assert golden.evaluation.provenance.commit == "32e3b3fae6c9e1c30322a1b317210f76a35361cf"
    assert golden.evaluation.provenance.machine.processor == "AMD EPYC"
    assert golden.training.provenance == golden.runtime.provenance == Provenance()
    assert golden.export.files["model.tflite"].provenance == Provenance()
    assert (golden.evaluation.dataset, golden.evaluation.split) == ("streets", "val")
    assert (golden.training.dataset, golden.training.split) == ("streets", "train")
    assert (golden.runtime.dataset, golden.runtime.split) == ("streets", None)


def test_the_history_of_the_golden_run():
    history = read_history(GOLDEN)
    assert [line["step"] for line in history] == [10, 12, 12]
    assert history[0]["images_per_second"] == 81.65917766569186 and "pictures_per_second" not in history[0]


def test_the_next_program_writes_the_file_anew(golden, tmp_path):
    shutil.copy(GOLDEN / "result.json", tmp_path)
    update_results(tmp_path, ModelSection("cn14"))
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["format_version"] == 1 and "machine" not in content and "pictures" not in content["evaluation"]
    again = read_results(tmp_path)
    assert again.model == ModelSection("cn14")
    assert (again.evaluation, again.export, again.training) == (golden.evaluation, golden.export, golden.training)


def _read(tmp_path, content):
    (tmp_path / "result.json").write_text(json.dumps(content))
    return read_results(tmp_path)


def test_what_evaluate_measured_elsewhere_is_named(tmp_path):
    found = _read(tmp_path, {
        "dataset": {"name": "streets", "split": "val"}, "training": {"steps": 1},
        "evaluation": {"mean_iou": 0.5, "split": "test"}, "commit": "abc",
        "flags": {"evaluate": {"dataset": "cityscapes"}},
    })  # fmt: skip
    assert (found.evaluation.dataset, found.evaluation.split) == ("cityscapes", "test")
    assert found.evaluation.provenance.commit == "abc" and found.training.provenance.commit is None


def test_the_environment_of_train_alone_is_that_of_the_training(tmp_path):
    flags = {"train": {"hard_below": 0.9, "precision": "float32", "averaging": None}, "export": {"precision": "int8"}}
    found = _read(tmp_path, {"training": {"steps": 1}, "evaluation": {}, "commit": "abc", "flags": flags})
    assert found.training.provenance.commit == found.evaluation.provenance.commit == "abc"
    assert found.flags == {
        "train": {"ohem_threshold": 0.9, "dtype_policy": "float32", "ema_decay": None}, "export": {"precision": "int8"},
    }  # fmt: skip


def test_an_environment_of_a_comparison_is_not_that_of_the_evaluation(tmp_path):
    content = {"evaluation": {"mean_iou": 0.5}, "commit": "abc", "flags": {"evaluate": {}, "compare_runtime": {}}}
    assert _read(tmp_path, content).evaluation.provenance == Provenance()


def test_exports_before_there_was_an_entry_for_each_file(tmp_path):
    section = {
        "saved_model": "export/saved_model", "tflite": "export/model.tflite", "tflite_bytes": 9,
        "input_size": [64, 96], "label_agreement": 0.5, "checked_with": "4 pictures of camvid val",
    }  # fmt: skip
    files = _read(tmp_path, {"export": section}).export.files
    assert {name: (file.path, file.bytes) for name, file in files.items()} == {
        "saved_model": ("export/saved_model", None), "model.tflite": ("export/model.tflite", 9),
    }  # fmt: skip
    assert files["model.tflite"].input_size == (64, 96) and files["saved_model"].label_parity == 0.5
    assert files["model.tflite"].checked_with == "4 images of camvid val"


def test_comparisons(tmp_path):
    row = {
        "model": "cn14", "size": [64, 96], "contender": "litert-inside", "title": "LiteRT", "threads": 1,
        "mode": "sequential", "milliseconds_median": 5.0, "milliseconds_spread": [4.0, 6.5],
        "frames_per_second": 200.0, "parts": {}, "peak_memory": 1, "label_agreement": 0.5,
    }  # fmt: skip
    comparison = {
        "weights": "trained", "frames": "4 pictures of camvid val", "rounds": 20, "warm_up": 2, "distributions": [],
        "left_out": {}, "rows": [row], "upsampling": [],
    }  # fmt: skip
    ablation = {
        "model": "cn14", "dataset": "camvid", "pictures": 101, "recipe": {"name": "modern", "hard_below": 0.9},
        "given": {"averaging": 0.9}, "changes": {"all parts": {}, "b": {"class_balance": 0.0}}, "seeds": [0],
        "mean_iou": {"all parts": [0.5], "b": [0.25]},
    }  # fmt: skip
    found = _read(tmp_path, {
        "runtime_comparison": comparison, "ablation": ablation, "commit": "abc", "flags": {"ablate_recipe": {}},
        "input": {"dataset": "camvid", "pictures": 16, "rounds": 5, "batch_size": 4, "crops": {}},
        "precision": {"split": "val", "files": {"model.tflite": {"pictures": 2, "bytes": 5}}},
        "training_speed": {
            "model": "cn14", "recipe": {"averaging": 0.0}, "crop_size": [1, 2], "steps": 3, "seconds_a_step": {},
            "input_wait_share": 0.0, "memory_size": None,
            "memory": [{"pictures": 1, "simple": False, "before": 1, "peak": 2}],
        },
    })  # fmt: skip
    comparison = found.runtime_comparison
    assert (comparison.rows[0].runtime, comparison.rows[0].label_parity) == ("litert-in-graph", 0.5)
    assert comparison.frames == "4 images of camvid val" and comparison.provenance.commit is None
    assert found.ablation.rows == (
        AblationRow("all parts", {}, (0.5,)), AblationRow("b", {"class_weight_exponent": 0.0}, (0.25,))
    )  # fmt: skip
    assert found.ablation.given == {"ema_decay": 0.9} and found.ablation.recipe["ohem_threshold"] == 0.9
    assert (found.ablation.images, found.ablation.provenance.commit) == (101, "abc")
    assert found.input.images == 16 and found.precision.files["model.tflite"].accuracy.images == 2
    assert found.training_speed.memory[0].images == 1 and found.training_speed.recipe == {"ema_decay": 0.0}


def test_the_metadata_beside_an_exported_file():
    metadata = migrated_metadata(json.loads((GOLDEN / "export" / "model_int8.json").read_text()))
    assert metadata["image"]["size"] == [64, 128] and "picture" not in metadata
    assert metadata["image"]["normalization"] == "image / 255, inside the file"
    assert metadata["classes"][0] == {"name": "road", "category": "flat", "color": [128, 64, 128]}
    assert (metadata["class_table"], metadata["calibration_images"]) == (None, 6)
    assert migrated_metadata(metadata) == metadata
