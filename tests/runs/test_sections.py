"""Every section of result.json: what stands in the file, and that it is read back."""

import json

import pytest

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
from contextnet_tf.runs.results import Results, read_results, update_results
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


@pytest.mark.parametrize("name", WRITTEN)
def test_a_section_there_and_back(tmp_path, name):
    section, content = WRITTEN[name]
    update_results(tmp_path / "new", section)
    written = json.loads((tmp_path / "new" / "result.json").read_text())
    assert written == {"format_version": 1, name: content}
    assert getattr(read_results(tmp_path / "new"), name) == section


def test_every_section_is_tested():
    assert set(WRITTEN) | {"flags"} == set(Results().to_json())
