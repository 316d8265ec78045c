"""Measures the accuracy drop of each precision: IoU of each class for every exported TFLite file of a run.

The paper has no such table. Export the files first. Takes a few seconds per file for CamVid val (101 images) on two
cores.

  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid
  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid --precision=float16
  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid --precision=int8
  python -m experiments.compare_precision --checkpoint=runs/camvid --output_dir=runs/camvid

Prints the table, in percent and in points of difference from the float32 file, model.tflite. Writes the table to
precision.md and the figures to the section "precision" of result.json in --output_dir.
"""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contextnet_tf.datasets import sources
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write
from contextnet_tf.presets import resolved
from contextnet_tf.reporting.tables import aligned, markdown_table
from contextnet_tf.reporting.wording import percent
from contextnet_tf.runs import layout
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, update_results
from contextnet_tf.runs.sections import Accuracy
from contextnet_tf.runs.studies import PrecisionFile, PrecisionSection
from experiments import common_flags, opening, program, splits
from experiments.evaluate import segmentation
from experiments.progress import progress_bar

if TYPE_CHECKING:
    from contextnet_tf.evaluation.evaluate import Report

common_flags.key_flags(
    *common_flags.DATASET_FLAGS,
    split=splits.SPLIT_TEXT,
    checkpoint="Folder of a run with exported files in its export/, or preset:NAME. Required.",
    output_dir="Folder for precision.md and result.json. Required.",
)


def run(
    *,
    checkpoint: str,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str | None = None,
    output_dir: str,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> "dict[str, Report]":
    """Measures every TFLite file in the run `checkpoint`, the float32 file first; the arguments are the flags.

    `dataset`, `data_dir` and `class_table` None: those that the run's result.json names. `split` None: as in
    `evaluate.run`.
    """
    from contextnet_tf.evaluation.evaluate import evaluate

    provenance = current_provenance()
    files = exported_files(checkpoint)
    description, data_dir = opening.dataset_of(
        checkpoint, dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=[resolved(checkpoint)]
    )
    segment = {path.name: segmentation(path, description) for path in files}
    chosen = splits.evaluated(split, (), splits.splits_of_run([resolved(checkpoint)], description))
    chosen.warn_if_trained_on()
    examples = chosen.examples(description, data_dir)
    sources.check_files(examples)
    folder = ensure_updatable(output_dir)
    reports = {}
    total = len(files) * len(examples)
    with progress_bar(total=total, desc="evaluating", unit="image") as bar:
        for name, function in segment.items():
            reports[name] = evaluate(function, description, examples, on_image=bar.update)
    with atomic_write(folder / "precision.md") as temporary:
        temporary.write_text(precision_table(reports), encoding="utf-8")
    section = PrecisionSection(
        {path.name: PrecisionFile(path.stat().st_size, Accuracy.of(reports[path.name])) for path in files},
        dataset=description.name,
        split=chosen.label,
        provenance=provenance,
    )
    update_results(
        output_dir, section, flags={"compare_precision": (given_flags or {}) | {"dataset": description.name}}
    )
    return reports


def exported_files(checkpoint: str) -> list[pathlib.Path]:
    """The exported TFLite files of a run, the float32 file of logits first and the others by name.

    Raises:
      InputError: it has no float32 file to compare with, or nothing else.
    """
    folder = pathlib.Path(resolved(checkpoint)) / layout.EXPORT
    if not (folder / layout.TFLITE).is_file():
        raise InputError(f"{folder}: holds no {layout.TFLITE}; run experiments.export first")
    others = sorted(path for path in folder.glob("*.tflite") if path.name != layout.TFLITE)
    if not others:
        raise InputError(f"{folder}: holds only {layout.TFLITE}; run experiments.export with --precision=int8")
    return [folder / layout.TFLITE, *others]


def precision_table(reports: "Mapping[str, Report]") -> str:
    """IoU in percent as Markdown, a row per class and a column per file; after the first file, its differences."""
    reference, *others = reports.values()

    def row(name: str, values: Sequence[float]) -> list[str]:
        first, *rest = values
        points = [100 * (x - first) for x in rest]
        differences = ["" if math.isnan(x) else f" ({x:+.2f})" for x in points]  # a class may not occur
        return [name, percent(first, 2), *(percent(x, 2) + note for x, note in zip(rest, differences, strict=True))]

    all_reports = [reference, *others]
    rows = [row(name, [x.class_iou[name] for x in all_reports]) for name in reference.class_iou]
    rows.append(row("mean IoU", [x.mean_iou for x in all_reports]))
    rows.append(row("mean over categories", [x.mean_category_iou for x in all_reports]))
    rows.append(row("pixel accuracy", [x.pixel_accuracy for x in all_reports]))
    return markdown_table(["class", *reports], rows)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    reports = run(
        checkpoint=common_flags.required("checkpoint"),
        split=common_flags.given("split"),
        output_dir=common_flags.required("output_dir"),
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
    )
    print(aligned(precision_table(reports)), end="")


if __name__ == "__main__":
    program.run(main)
