"""Measures a trained network: IoU of each class and category, and their means, at the labels' own size.

Where the dataset has files of instances (Cityscapes, the drawn streets) iIoU too, which weighs every person and
every vehicle of a kind alike. All as Cityscapes' own program measures them. The paper: Tables 4 to 6. A few minutes
for Cityscapes val (500 images) on two cores.

  python -m experiments.evaluate --checkpoint=runs/camvid --output_dir=runs/camvid
  python -m experiments.evaluate --checkpoint=runs/camvid/export/model_int8.tflite --output_dir=runs/camvid-int8

--checkpoint may also be an exported .tflite file or SavedModel folder, which `Segmenter` runs; `compare_precision`
measures all .tflite files of a run side by side. The dataset is the one that the run was trained on, unless --dataset and
--data_dir name another. Prints the table and writes it into result.json of --output_dir.
"""

import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import Dataset, get_dataset
from contextnet_tf.deployment.engines.tensorflow import is_saved_model
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.evaluate import Report, evaluate
from contextnet_tf.files import ensure_writable_dir
from contextnet_tf.models.loading import load_network, network_path
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import recorded_class_table, recorded_dataset, update_results
from contextnet_tf.runs.sections import Accuracy, EvaluationSection
from experiments import program
from experiments.progress import progress_bar

program.key_flags("checkpoint", "model", *program.DATASET_FLAGS, "split", "output_dir")


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
) -> Report:
    """Measures the network and writes the figures; the arguments are the flags.

    `dataset`, `data_dir` and `class_table` None: those that the result.json beside the checkpoint names, or
    in the folder above an exported file's.
    """
    path = pathlib.Path(checkpoint)
    run_dirs = [path.parent, path.parent.parent] if _is_exported(path) else [network_path(checkpoint).parent]
    dataset, data_dir = recorded_dataset(run_dirs, dataset, data_dir)
    if dataset is None:
        raise InputError(f"{checkpoint}: no result.json beside it names a dataset; say --dataset=...")
    description = get_dataset(dataset, class_table or recorded_class_table(run_dirs, dataset))
    segment, name = _segmentation(checkpoint, model, description)
    examples = program.list_examples(description, data_dir, split)
    sources.check_files(examples)
    ensure_writable_dir(output_dir)  # so that a folder that cannot be written is refused before the work
    with progress_bar(total=len(examples), desc="evaluating", unit="image") as bar:
        report = evaluate(segment, description, examples, on_image=bar.update)
    section = EvaluationSection(
        Accuracy.of(report), checkpoint=name, dataset=dataset, split=split, provenance=current_provenance()
    )
    update_results(output_dir, section, flags={"evaluate": (given_flags or {}) | {"dataset": dataset}})
    return report


def segmentation_of_file(path: str | os.PathLike, description: Dataset) -> Callable[[tf.Tensor], np.ndarray]:
    """An exported file or SavedModel folder, on all cores, as a function uint8 [H, W, 3] -> train ids uint8 [H, W].

    Raises:
      InputError: the file is missing or of another kind, or tells another number of classes apart.
    """
    segmenter = (
        Segmenter(path, engine="tensorflow") if is_saved_model(path) else Segmenter(path, num_threads=os.cpu_count())
    )
    if segmenter.num_classes != description.num_classes:
        raise InputError(
            f"{path}: tells {segmenter.num_classes} classes apart, dataset {description.name!r} has "
            f"{description.num_classes}"
        )
    return lambda image: segmenter.segment(image.numpy())


def _segmentation(
    checkpoint: str, model: str | None, description: Dataset
) -> tuple[keras.Model | Callable[[tf.Tensor], np.ndarray], str]:
    """The network or exported file, and the name of the file that it was loaded from."""
    if _is_exported(pathlib.Path(checkpoint)):
        return segmentation_of_file(checkpoint, description), pathlib.Path(checkpoint).name
    network = load_network(checkpoint, model=model, num_classes=description.num_classes)
    return network, network_path(checkpoint).name


def _is_exported(path: pathlib.Path) -> bool:
    return path.suffix == ".tflite" or is_saved_model(path)


def table(report: Report) -> str:
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
