"""Evaluates a trained network: IoU of each class and category and their means, at the labels' own resolution.

Datasets with instance files (Cityscapes, the synthetic streets) also get iIoU, which weighs each instance equally.
All metrics are verified against cityscapesScripts. The paper: Tables 4 to 6 (cn14 65.9 % on Cityscapes val). Takes
a few minutes for Cityscapes val (500 images) on two cores.

  python -m experiments.evaluate --checkpoint=runs/camvid --output_dir=runs/camvid
  python -m experiments.evaluate --checkpoint=runs/camvid/export/model_int8.tflite --output_dir=runs/camvid-int8

--checkpoint takes the folder of a run, a .keras file, an exported .tflite or .onnx file or a SavedModel folder. The
dataset is the one that the run was trained on unless --dataset and --data_dir name another. Prints a table and writes
the section "evaluation" of result.json in --output_dir. compare_precision evaluates all .tflite files of a run side by
side.
"""

import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.files import ensure_writable_dir
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import update_results
from contextnet_tf.runs.sections import Accuracy, EvaluationSection
from experiments import opening, program
from experiments.progress import progress_bar

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from contextnet_tf.evaluation.evaluate import Report

program.key_flags(
    *program.DATASET_FLAGS,
    "split",
    checkpoint="Trained network: preset:NAME (one that comes with the project), the folder of a run (its best.keras), "
    "a .keras file, an exported .tflite or .onnx file or a SavedModel folder.",
    model="Refuse a checkpoint of any other network than the one of this name. Default: any network.",
    output_dir="Folder whose result.json gets the figures.",
)


def run(
    *,
    checkpoint: str,
    model: str | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str = "val",
    output_dir: str,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> "Report":
    """Measures the network and writes the figures; the arguments are the flags.

    `dataset`, `data_dir` and `class_table` None: those that the result.json beside the checkpoint names, or
    in the folder above an exported file's.
    """
    from contextnet_tf.evaluation.evaluate import evaluate

    path = opening.checkpoint_file(checkpoint)
    description, data_dir = opening.dataset_of(
        path, dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=opening.recording_dirs(path)
    )
    opening.require_own_results(output_dir, path)
    segment = segmentation(path, description, model)
    examples = program.list_examples(description, data_dir, split)
    sources.check_files(examples)
    ensure_writable_dir(output_dir)  # to fail before the work
    with progress_bar(total=len(examples), desc="evaluating", unit="image") as bar:
        report = evaluate(segment, description, examples, on_image=bar.update)
    section = EvaluationSection(
        Accuracy.of(report),
        checkpoint=path.name,
        dataset=description.name,
        split=split,
        provenance=current_provenance(),
    )
    update_results(output_dir, section, flags={"evaluate": (given_flags or {}) | {"dataset": description.name}})
    return report


def segmentation(
    path: str | os.PathLike, dataset: Dataset, model: str | None = None
) -> "keras.Model | Callable[[tf.Tensor], np.ndarray]":
    """The network in the file `path`, or an exported file as a function uint8 [H, W, 3] -> train ids uint8 [H, W].

    Raises:
      InputError: the file is missing or damaged, is not the network `model`, or has other classes than `dataset`.
    """
    if not opening.is_exported(path):
        network = opening.open_network(path, model=model)
        opening.require_classes(path, network.output["main"].shape[-1], dataset)
        return network
    segmenter = opening.open_segmenter(path)
    opening.require_classes(path, segmenter.num_classes, dataset)
    return lambda image: segmenter.segment(image.numpy())


def table(report: "Report") -> str:
    """The figures as lines of text, in percent: IoU, then iIoU, whose lines are left out where there is none."""
    rows = [*report.class_iou.items(), ("mean of the classes", report.mean_iou)]
    rows += [*report.category_iou.items(), ("mean of the categories", report.mean_category_iou)]
    if report.instance_iou is not None:
        rows += [(f"{name}, iIoU", value) for name, value in report.instance_iou.items()]
        rows += [("mean of the classes, iIoU", report.mean_instance_iou)]
        rows += [(f"{name}, iIoU", value) for name, value in report.category_instance_iou.items()]
        rows += [("mean of the categories, iIoU", report.mean_category_instance_iou)]
    rows += [("pixel accuracy", report.pixel_accuracy)]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(
        f"{name:{width}}" + ("does not occur" if math.isnan(value) else f"{100 * value:6.2f} %") for name, value in rows
    )


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    report = run(
        checkpoint=program.required("checkpoint"),
        model=values.model,
        dataset=values.dataset,
        data_dir=values.data_dir,
        split=values.split,
        output_dir=program.required("output_dir"),
        class_table=program.given_class_table(),
        given_flags=program.given_flags(),
    )
    print(table(report))


if __name__ == "__main__":
    program.run(main)
