"""result.json: sections beside one another, files that are damaged or too new, and where a dataset is recorded."""

import json
import math
import pathlib

import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.runs import results
from contextnet_tf.runs.benchmarks import (
    InputCost,
    InputSection,
    RuntimeComparisonSection,
    RuntimeRow,
    StepMemoryRow,
    TrainingSpeedSection,
    UpsamplingRow,
)
from contextnet_tf.runs.provenance import Machine, Provenance
from contextnet_tf.runs.results import Results, ensure_updatable, read_results, update_results
from contextnet_tf.runs.sections import (
    Accuracy,
    AveragedEvaluationSection,
    ClassEntry,
    DatasetSection,
    EvaluationSection,
    ExportedFile,
    ExportSection,
    ModelSection,
    RuntimeSection,
    TrainingSection,
)
from contextnet_tf.runs.studies import (
    AblationRow,
    AblationSection,
    BranchesRow,
    BranchesSection,
    LeaveOneOutRow,
    LeaveOneOutSection,
    PrecisionFile,
    PrecisionSection,
    PruningRow,
    PruningSection,
    RobustnessRow,
    RobustnessSection,
)

HERE = Provenance({"python": "3.11.7"}, Machine("Some CPU", 2, 23.5, "Linux 6"), "abc", "2026-11-23T07:00:47+00:00")
HERE_AS_JSON = {
    "versions": {"python": "3.11.7"},
    "machine": {"processor": "Some CPU", "cores": 2, "memory_gib": 23.5, "system": "Linux 6"},
    "commit": "abc", "date": "2026-11-23T07:00:47+00:00",
}  # fmt: skip
ON_VAL = {"dataset": "camvid", "split": "val", "provenance": HERE}
ON_VAL_AS_JSON = {"dataset": "camvid", "split": "val", **HERE_AS_JSON}
ACCURACY = Accuracy(0.5, 0.75, {"road": 0.5, "sky": None}, 0.5, {"flat": 0.5}, confusion=((3, 1), (0, 0)), images=2)
ACCURACY_AS_JSON = {
    "mean_iou": 0.5, "pixel_accuracy": 0.75, "class_iou": {"road": 0.5, "sky": None}, "mean_category_iou": 0.5,
    "category_iou": {"flat": 0.5}, "mean_instance_iou": None, "instance_iou": None,
    "mean_category_instance_iou": None, "category_instance_iou": None, "confusion": [[3, 1], [0, 0]], "images": 2,
}  # fmt: skip

# Every section with all its fields, and what stands in the file.
WRITTEN = {
    "model": (
        ModelSection("cn14", 11, (64, 96), 900, 800, 7000, 49),
        {
            "name": "cn14", "num_classes": 11, "input_size": [64, 96], "parameters": 900, "parameters_folded": 800,
            "multiply_adds": 7000, "layers": 49,
        },
    ),
    "dataset": (
        DatasetSection("camvid", "val", 2, "data/camvid", (ClassEntry("sky", "sky", (1, 2, 3)),), {"classes": []}),
        {
            "name": "camvid", "split": "val", "images": 2, "data_dir": "data/camvid",
            "classes": [{"name": "sky", "category": "sky", "color": [1, 2, 3]}], "class_table": {"classes": []},
        },
    ),
    "training": (
        TrainingSection({"name": "short"}, 3, 12, 6, 1.5, 10, 60, dataset="camvid", split="train", provenance=HERE),
        {
            "dataset": "camvid", "split": "train", **HERE_AS_JSON, "recipe": {"name": "short"}, "seed": 3, "steps": 12,
            "epochs": 6, "minutes": 1.5, "best_step": 10, "recipe_epochs": 60,
        },
    ),
    "evaluation": (
        EvaluationSection(ACCURACY, "best.keras", **ON_VAL),
        {**ON_VAL_AS_JSON, **ACCURACY_AS_JSON, "checkpoint": "best.keras"},
    ),
    "averaged_evaluation": (
        AveragedEvaluationSection(ACCURACY, "best.keras", scales=(0.75, 1.0), flip=True, **ON_VAL),
        {**ON_VAL_AS_JSON, **ACCURACY_AS_JSON, "checkpoint": "best.keras", "scales": [0.75, 1.0], "flip": True},
    ),
    "leave_one_out": (
        LeaveOneOutSection(
            "cn14", {"name": "short", "epochs": 6}, {"epochs": 6}, (0,), ("a", "b"),
            (LeaveOneOutRow("as given", {}, {"a": (0.5,), "b": (0.25,)}, {"car": 0.5, "bus": None}),), **ON_VAL,
        ),
        {
            **ON_VAL_AS_JSON, "model": "cn14", "recipe": {"name": "short", "epochs": 6}, "given": {"epochs": 6},
            "seeds": [0], "drives": ["a", "b"],
            "rows": [{"name": "as given", "changes": {}, "mean_iou": {"a": [0.5], "b": [0.25]},
                      "class_iou": {"car": 0.5, "bus": None}}],
        },
    ),
    "export": (
        ExportSection({"a.tflite": ExportedFile(
            "export/a.tflite", 5, "int8", (64, 96), 0.5, 10.0, 0.99, "2 images", 50, {"classifier": 0.25}, **ON_VAL
        )}),
        {"files": {"a.tflite": {
            **ON_VAL_AS_JSON, "path": "export/a.tflite", "bytes": 5, "precision": "int8", "input_size": [64, 96],
            "largest_logit_difference": 0.5, "largest_logit": 10.0, "label_parity": 0.99, "checked_with": "2 images",
            "calibration_images": 50, "layer_errors": {"classifier": 0.25}, "image_type": None,
        }}},
    ),
    "runtime": (
        RuntimeSection("litert", 1, 1, (64, 96), 2, 5.0, (4.0, 6.5), 200.0, 0.5, "model.tflite", **ON_VAL),
        {
            **ON_VAL_AS_JSON, "engine": "litert", "threads": 1, "workers": 1, "size": [64, 96], "images": 2,
            "milliseconds_median": 5.0, "milliseconds_spread": [4.0, 6.5], "frames_per_second": 200.0, "mean_iou": 0.5,
            "file": "model.tflite",
        },
    ),
    "precision": (
        PrecisionSection({"model.tflite": PrecisionFile(5, ACCURACY)}, **ON_VAL),
        {**ON_VAL_AS_JSON, "files": {"model.tflite": {"bytes": 5, **ACCURACY_AS_JSON}}},
    ),
    "runtime_comparison": (
        RuntimeComparisonSection(
            "trained", "4 images", 20, 2, ("keras",), {"PyTorch": "not installed"},
            (RuntimeRow("cn14", (64, 96), "litert", "LiteRT", 1, "sequential", 5.0, (4.0, 6.5), 200.0,
                        {"network": 4.5}, 1000, 1.0),),
            (UpsamplingRow("cn14", (64, 96), "noise", 1.5, 10.0),), **ON_VAL,
        ),
        {
            **ON_VAL_AS_JSON, "weights": "trained", "frames": "4 images", "rounds": 20, "warm_up": 2,
            "distributions": ["keras"], "left_out": {"PyTorch": "not installed"},
            "rows": [{
                "model": "cn14", "size": [64, 96], "runtime": "litert", "title": "LiteRT", "threads": 1,
                "mode": "sequential", "milliseconds_median": 5.0, "milliseconds_spread": [4.0, 6.5],
                "frames_per_second": 200.0, "parts": {"network": 4.5}, "peak_memory": 1000, "label_parity": 1.0,
            }],
            "upsampling": [{
                "model": "cn14", "size": [64, 96], "logits": "noise", "exact_milliseconds": 1.5,
                "dense_milliseconds": 10.0,
            }],
        },
    ),
    "ablation": (
        AblationSection(
            "cn14", 2, {"name": "short", "epochs": 6}, {"epochs": 6}, (0, 1),
            (AblationRow("all parts", {}, (0.5, 0.25), "cn14", 846_179, 10**9, {"car": 0.5, "bus": None}, "other",
                         0.659, 6.8, 18.3, (0.75, 0.5), 0.827, 0.85),),
            "Design", "LiteRT", **ON_VAL,
        ),
        {
            **ON_VAL_AS_JSON, "model": "cn14", "images": 2, "recipe": {"name": "short", "epochs": 6},
            "given": {"epochs": 6}, "seeds": [0, 1], "title": "Design", "speed": "LiteRT",
            "rows": [{
                "name": "all parts", "changes": {}, "mean_iou": [0.5, 0.25], "model": "cn14", "parameters": 846179,
                "multiply_adds": 1000000000, "class_iou": {"car": 0.5, "bus": None}, "against": "other",
                "paper_mean_iou": 0.659, "frames_per_second": 6.8, "paper_frames_per_second": 18.3,
                "mean_category_iou": [0.75, 0.5], "paper_category_iou": 0.827, "paper_million_parameters": 0.85,
            }],
        },
    ),
    "pruning": (
        PruningSection(
            "cn14", 2, {"name": "short", "epochs": 6}, {"epochs": 6}, {"learning_rate": 0.001}, (0,), (64, 96),
            (PruningRow("cn14x2", 3_270_323, 10**9, 4.5, 6, (0.5,)),
             PruningRow("cn14", 846_179, 10**8, 2.5, 6, (0.5,), (0.25,))),
            PruningRow("cn14", 846_179, 10**8, 2.5, 12, (0.75,)), **ON_VAL,
        ),
        {
            **ON_VAL_AS_JSON, "model": "cn14", "images": 2, "recipe": {"name": "short", "epochs": 6},
            "given": {"epochs": 6}, "fine_tuning": {"learning_rate": 0.001}, "seeds": [0], "size": [64, 96],
            "rows": [
                {"name": "cn14x2", "parameters": 3270323, "multiply_adds": 1000000000, "milliseconds": 4.5, "epochs": 6,
                 "mean_iou": [0.5], "mean_iou_before": []},
                {"name": "cn14", "parameters": 846179, "multiply_adds": 100000000, "milliseconds": 2.5, "epochs": 6,
                 "mean_iou": [0.5], "mean_iou_before": [0.25]},
            ],
            "directly": {"name": "cn14", "parameters": 846179, "multiply_adds": 100000000, "milliseconds": 2.5,
                         "epochs": 12, "mean_iou": [0.75], "mean_iou_before": []},
        },
    ),
    "robustness": (
        RobustnessSection(
            "cn14", "best.keras", 2, (RobustnessRow("dark", "gamma 2", 0.5, {"car": 0.5, "bus": None}),), **ON_VAL
        ),
        {
            **ON_VAL_AS_JSON, "model": "cn14", "checkpoint": "best.keras", "images": 2,
            "rows": [{"name": "dark", "text": "gamma 2", "mean_iou": 0.5, "class_iou": {"car": 0.5, "bus": None}}],
        },
    ),
    "branches": (
        BranchesSection(
            "cn14", "best.keras", 2,
            (BranchesRow("both", 0.5, {"car": 0.5, "bus": None}, {"3": 0.25}, 0.75),), {"3": 0.125}, **ON_VAL,
        ),
        {
            **ON_VAL_AS_JSON, "model": "cn14", "checkpoint": "best.keras", "images": 2,
            "rows": [{"name": "both", "mean_iou": 0.5, "class_iou": {"car": 0.5, "bus": None},
                      "near_borders": {"3": 0.25}, "interior": 0.75}],
            "border_share": {"3": 0.125},
        },
    ),
    "input": (
        InputSection(16, 5, 4, {"32 x 64": {"png": InputCost(2.0, 1.5)}}, **ON_VAL),
        {
            **ON_VAL_AS_JSON, "images": 16, "rounds": 5, "batch_size": 4,
            "crops": {"32 x 64": {"png": {"milliseconds": 2.0, "core_milliseconds": 1.5}}},
        },
    ),
    "training_speed": (
        TrainingSpeedSection(
            "cn14", {"name": "short"}, (32, 64), 20, {"bare": 0.5}, 0.25, (64, 96),
            (StepMemoryRow(2, True, 100, 300),), **ON_VAL,
        ),
        {
            **ON_VAL_AS_JSON, "model": "cn14", "recipe": {"name": "short"}, "crop_size": [32, 64], "steps": 20,
            "seconds_a_step": {"bare": 0.5}, "input_wait_share": 0.25, "memory_size": [64, 96],
            "memory": [{"images": 2, "simple": True, "before": 100, "peak": 300}],
        },
    ),
}  # fmt: skip


def written(run_dir):
    return json.loads((run_dir / "result.json").read_text())


@pytest.mark.parametrize("name", WRITTEN)
def test_a_section_there_and_back(tmp_path, name):
    section, content = WRITTEN[name]
    update_results(tmp_path / "new", section)
    assert written(tmp_path / "new") == {"format_version": 1, name: content}
    assert getattr(read_results(tmp_path / "new"), name) == section


def test_every_section_is_tested():
    assert set(WRITTEN) | {"flags"} == set(Results().to_json())


def test_a_section_replaces_its_own_and_leaves_the_others(tmp_path):
    update_results(tmp_path, ModelSection("cn14", num_classes=9), TrainingSection(steps=3))
    (tmp_path / "result.json").write_text(json.dumps(written(tmp_path) | {"mine": [1]}))
    update_results(tmp_path, ModelSection("cn12"))
    assert read_results(tmp_path) == Results(model=ModelSection("cn12"), training=TrainingSection(steps=3))
    assert written(tmp_path)["mine"] == [1]  # what someone noted stays


def test_flags_are_kept_per_program(tmp_path):
    update_results(tmp_path, flags={"train": {"seed": 1}, "export": {"size": (2, 3)}})
    update_results(tmp_path, flags={"export": {"size": 4}})
    assert written(tmp_path) == {"format_version": 1, "flags": {"train": {"seed": 1}, "export": {"size": 4}}}


def test_figures_that_are_not_finite_become_null(tmp_path):
    update_results(tmp_path, EvaluationSection(Accuracy(math.nan, class_iou={"road": math.inf})))
    assert "NaN" not in (tmp_path / "result.json").read_text()
    assert read_results(tmp_path).evaluation.accuracy == Accuracy(class_iou={"road": None})


def test_a_value_that_cannot_be_written_leaves_the_file_whole(tmp_path):
    update_results(tmp_path, ModelSection("cn14"))
    with pytest.raises(TypeError):
        update_results(tmp_path, flags={"train": {"name": object()}})
    assert read_results(tmp_path) == Results(model=ModelSection("cn14"))
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "is missing"),
        ('{"model": {', "is not JSON"),
        ("[1, 2]", "no JSON object"),
        ('{"model": 3}', "section 'model' is damaged"),
        ('{"date": {}}', "section 'date' is damaged"),
        ('{"format_version": 1, "evaluation": {"class_iou": {"road": "x"}}}',
         "section 'evaluation' is damaged (evaluation.class_iou.road is 'x', not a finite number); delete the section"),
        ('{"format_version": 1, "training": {"recipe": {"name": 3}}}', "training.recipe.name is 3, not a text"),
        ('{"format_version": 1, "evaluation": {"confusion": [[1, 2]]}}', "evaluation.confusion has 1 rows"),
        ('{"format_version": 1, "flags": {"train": []}}', "section 'flags' is damaged"),
        ('{"format_version": 2}', "has format_version 2, and this version of contextnet_tf reads up to 1; update"),
        ('{"format_version": "1"}', "format_version is '1', not a whole number"),
        ('{"format_version": true}', "format_version is True, not a whole number"),
    ],
)  # fmt: skip
def test_a_missing_or_damaged_file_is_one_line_that_names_it(tmp_path, content, message):
    path = tmp_path / "result.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError) as caught:
        results.read_results(tmp_path)
    assert str(path) in str(caught.value) and message in str(caught.value)
    assert "\n" not in str(caught.value)
    if content is not None:
        with pytest.raises(InputError):
            update_results(tmp_path, TrainingSection(steps=1))
        assert path.read_text() == content


def test_a_missing_file_has_no_sections_where_that_is_fine(tmp_path):
    assert read_results(tmp_path, missing_ok=True) == Results()


def test_a_recorded_dataset_is_found_with_its_folder_and_classes(tmp_path):
    update_results(tmp_path / "run", DatasetSection("folder", data_dir="own", class_table={"classes": []}))
    folders = [tmp_path / "none", tmp_path / "run"]
    assert results.recorded_dataset(folders, None, None) == ("folder", "own")
    assert results.recorded_dataset(folders, "folder", "moved") == ("folder", "moved")
    assert results.recorded_dataset(folders, "camvid", None) == ("camvid", None)
    assert results.recorded_dataset([], None, None) == (None, None)
    assert results.recorded_class_table(folders, "folder") == {"classes": []}
    assert results.recorded_class_table(folders, "camvid") is None


def test_an_exported_file_is_measured_and_others_stay(tmp_path):
    class Parity:
        largest_difference, largest_logit, label_parity = None, 10.0, 0.5

    (tmp_path / "model.tflite").write_bytes(b"12345")
    (tmp_path / "saved_model" / "variables").mkdir(parents=True)
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"123")
    (tmp_path / "saved_model" / "variables" / "data").write_bytes(b"1234")
    file = ExportedFile.of(tmp_path / "model.tflite", Parity, precision="int8", checked_with="noise")
    assert file == ExportedFile(
        path="export/model.tflite", bytes=5, precision="int8", largest_logit_difference=None, largest_logit=10.0,
        label_parity=0.5, checked_with="noise",
    )  # fmt: skip
    folder = ExportedFile.of(tmp_path / "saved_model", Parity)
    assert folder.bytes == 7
    section = ExportSection({"saved_model": folder}).with_files({"model.tflite": file})
    assert section.files == {"saved_model": folder, "model.tflite": file}
    assert section.with_files({"saved_model": file}).files == {"saved_model": file, "model.tflite": file}


def test_what_cannot_be_updated_is_refused_before_the_work(tmp_path):
    assert ensure_updatable(tmp_path / "new") == tmp_path / "new" and (tmp_path / "new").is_dir()
    (tmp_path / "result.json").write_text('{"format_version": 1, "evaluation": ')
    with pytest.raises(InputError, match="result.json: is not JSON .*; restore it, or remove it and run"):
        ensure_updatable(tmp_path)
    (tmp_path / "result.json").write_text('{"format_version": 2}')
    with pytest.raises(InputError, match="has format_version 2, and this version"):
        ensure_updatable(tmp_path)
    with pytest.raises(InputError, match="result.json: cannot be written as a folder"):
        ensure_updatable(tmp_path / "result.json")


def test_every_program_that_updates_results_checks_them_before_its_work():
    programs = pathlib.Path(__file__).parents[2] / "experiments"
    for path in programs.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        # These read result.json before their work, or make a new one.
        if " update_results(" in text and path.stem not in ("train", "pruning_runs", "make_preset"):
            assert "ensure_updatable(" in text.split(" update_results(")[0], path
