"""Evaluates a trained network: IoU of each class and category and their means, at the labels' own resolution.

Datasets with instance files (Cityscapes, the synthetic streets) also get iIoU, which weighs each instance equally.
All metrics are verified against cityscapesScripts. The paper: Tables 4 to 6 (cn14 65.9 % on Cityscapes val). Takes
a few minutes for 500 images of Cityscapes' size on two cores.

  python -m experiments.evaluate --checkpoint=runs/camvid --output_dir=runs/camvid
  python -m experiments.evaluate --checkpoint=runs/camvid/export/model_int8.tflite --output_dir=runs/camvid-int8
  python -m experiments.evaluate --checkpoint=runs/camvid --flip --scales=0.75,1,1.25 --output_dir=runs/camvid

The dataset is the one that the run was trained on unless --dataset and --data_dir name another. Prints a table and
writes the section "evaluation" of result.json in --output_dir. compare_precision evaluates all .tflite files of a run
side by side.

--flip and --scales average the soft-maxes of mirrored and resized images (test-time augmentation, TTA), at a multiple
of the time. Those figures go into a section of their own, "averaged_evaluation". --confidence also writes
predictions/NAME_confidence.png, the probability of the predicted class (255: 1), which the report shows.
"""

import math
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from absl import flags

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.fingerprint import image_digest
from contextnet_tf.errors import InputError
from contextnet_tf.files import ensure_writable_dir
from contextnet_tf.reporting.images import small_confidence
from contextnet_tf.runs import layout
from contextnet_tf.runs.predictions import write_prediction
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, recorded_classes, update_results
from contextnet_tf.runs.sections import Accuracy, AveragedEvaluationSection, EvaluationSection
from experiments import common_flags, opening, program, splits
from experiments.progress import progress_bar

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from contextnet_tf.evaluation.evaluate import Report

flags.DEFINE_bool("flip", False, "Average the soft-maxes of each image and its mirror image.")
flags.DEFINE_list(
    "scales", ["1"], "Scale factors to average the soft-maxes of each image over, for example 0.75,1,1.25."
)
flags.DEFINE_bool(
    "confidence", False, "Also write predictions/NAME_confidence.png: the predicted class's probability at each pixel."
)
# What to evaluate: the flags of this program and of evaluate_robustness, with their help.
EVALUATED = {
    "split": splits.SPLIT_TEXT,
    "holdout": "Prefixes of the names of the examples to evaluate, in --split or else in the run's --train_splits. "
    "Default: without --split, those that the run held out; else all examples.",
    "checkpoint": f"Trained network: {common_flags.PRESET}, the folder of a run (its best.keras), "
    "a .keras file, an exported .tflite or .onnx file or a SavedModel folder. Required.",
    "model": "Expected name of the network; any other is refused. Default: any.",
}
common_flags.key_flags(
    *common_flags.DATASET_FLAGS, **EVALUATED, output_dir="Folder whose result.json gets the figures. Required."
)


def run(
    *,
    checkpoint: str,
    model: str | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str | None = None,
    holdout: Sequence[str] = (),
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    confidence: bool = False,
    output_dir: str,
    class_table: dict[str, Any] | None = None,
    default_splits: splits.Splits | None = None,
    given_flags: dict[str, Any] | None = None,
) -> "Report":
    """Measures the network and writes the figures; the arguments are the flags.

    `dataset`, `data_dir` and `class_table` None: those that the result.json beside the checkpoint names, or
    in the folder above an exported file's. `split` None: the examples that `default_splits` hold out, else the split
    that they validate on, else val. `default_splits` None: those of the run, which its result.json records.
    """
    from contextnet_tf.evaluation.evaluate import evaluate
    from contextnet_tf.evaluation.tta import averaged_probabilities

    path, description, segment, examples, label = opened(
        checkpoint, model=model, dataset=dataset, data_dir=data_dir, class_table=class_table, split=split,
        holdout=holdout, default_splits=default_splits,
    )  # fmt: skip
    opening.require_own_results(output_dir, path)
    ensure_updatable(output_dir)
    averaged = flip or tuple(scales) != (1.0,)
    if averaged or confidence:
        if opening.is_exported(path):
            raise InputError(
                f"{path}: gives labels, not probabilities; `flip`, `scales` and `confidence` need a .keras file or run"
            )
        probabilities = averaged_probabilities(segment, scales=scales, flip=flip)
        segment = _argmax(probabilities, _confidence_files(output_dir, examples) if confidence else None)
    with progress_bar(total=len(examples), desc="evaluating", unit="image") as bar:
        report = evaluate(segment, description, examples, on_image=bar.update)
    facts: dict[str, Any] = {
        "checkpoint": path.name,
        "dataset": description.name,
        "split": label,
        "provenance": current_provenance(),
    }
    section = (
        AveragedEvaluationSection(Accuracy.of(report), scales=tuple(scales), flip=flip, **facts)
        if averaged
        else EvaluationSection(Accuracy.of(report), **facts)
    )
    update_results(output_dir, section, flags={"evaluate": (given_flags or {}) | {"dataset": description.name}})
    return report


class Opened(NamedTuple):
    """A network, the examples to evaluate it on, and the name of these for results."""

    path: pathlib.Path
    dataset: Dataset
    segment: "keras.Model | Callable[[tf.Tensor], np.ndarray]"
    examples: Sequence[sources.Example]
    split: str


def opened(
    checkpoint: str,
    *,
    model: str | None,
    dataset: str | None,
    data_dir: str | None,
    class_table: dict[str, Any] | None,
    split: str | None,
    holdout: Sequence[str],
    default_splits: splits.Splits | None = None,
) -> Opened:
    """What the arguments of `run` select; what is wrong with them is found before the evaluation."""
    path = opening.checkpoint_file(checkpoint)
    recording_dirs = opening.recording_dirs(path)
    description, data_dir = opening.dataset_of(
        path, dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=recording_dirs
    )
    segment = segmentation(path, description, model)
    recorded = splits.splits_of_run(recording_dirs, description)
    chosen = splits.evaluated(split, holdout, recorded or default_splits, default_splits)
    chosen.warn_if_trained_on()
    examples = chosen.examples(description, data_dir)
    sources.check_files(examples)
    return Opened(path, description, segment, examples, chosen.label)


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
        if not recorded_classes(opening.recording_dirs(pathlib.Path(path))):
            print(
                f"note: {path}: no result.json beside it names its classes; they are taken for those of "
                f"{dataset.name!r}, in the same order",
                file=sys.stderr,
            )
        return network
    segmenter = opening.open_segmenter(path)
    opening.require_classes(path, segmenter.num_classes, dataset, metadata=segmenter.metadata)
    return lambda image: segmenter.segment(image.numpy())


def _argmax(
    probabilities: Callable[["tf.Tensor"], "tf.Tensor"], confidence_files: Iterator[tuple[pathlib.Path, str]] | None
) -> Callable[["tf.Tensor"], np.ndarray]:
    """The labels of each image; the probability of the label of the n-th image goes into the n-th of the files.

    The files come with the digests of the images.
    """

    def segment(image: "tf.Tensor") -> np.ndarray:
        values = np.asarray(probabilities(image))
        if confidence_files is not None:
            path, digest = next(confidence_files)
            write_prediction(path, small_confidence(values.max(axis=-1)), digest)
        return values.argmax(axis=-1).astype(np.uint8)

    return segment


def _confidence_files(output_dir: str, examples: Sequence[sources.Example]) -> Iterator[tuple[pathlib.Path, str]]:
    folder = ensure_writable_dir(pathlib.Path(output_dir) / layout.PREDICTIONS)
    return ((folder / layout.CONFIDENCE.format(x.name), image_digest(x.image_path)) for x in examples)


def table(report: "Report") -> str:
    """The figures as lines of text, in percent: IoU, then iIoU if it was measured."""
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
        checkpoint=common_flags.required("checkpoint"),
        model=values.model,
        split=common_flags.given("split"),
        holdout=values.holdout,
        flip=values.flip,
        scales=common_flags.numbers("scales"),
        confidence=values.confidence,
        output_dir=common_flags.required("output_dir"),
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
    )
    print(table(report))


if __name__ == "__main__":
    program.run(main)
