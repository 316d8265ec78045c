"""Writes what Cityscapes' test server wants: images of label ids under its names, and a zip of them to upload.

  python -m experiments.submit --checkpoint=runs/city --data_dir=DIR --split=test --output_dir=runs/city

--checkpoint is a run, a .keras file or an exported .tflite file. Writes submission_SPLIT/ and submission_SPLIT.zip
into --output_dir. Interrupted, the same command goes on: images that the same network has finished are kept,
those of another are made anew. The paper: Table 6. Some three images of 1024 x 2048 a second on two busy cores,
so that the 1,525 of test take eight minutes.

With --split=val the images are for Cityscapes' own program, which then says what experiments.evaluate says
(cityscapesScripts 2.3.0 needs NumPy below 2.4 for it):

  CITYSCAPES_DATASET=DIR CITYSCAPES_RESULTS=runs/city/submission_val csEvalPixelLevelSemanticLabeling
"""

import hashlib
import os
import pathlib
from collections.abc import Sequence

from absl import flags

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import check_files, read_image
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.submission import Submission
from contextnet_tf.models.loading import network_path
from contextnet_tf.runs.results import recorded_class_table, recorded_dataset
from experiments import program
from experiments.progress import progress_bar

program.key_flags("checkpoint", "dataset", "data_dir", "split", "output_dir")


def run(
    *,
    checkpoint: str,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str = "val",
    output_dir: str,
) -> pathlib.Path:
    """Segments what is missing of the split, and returns the zip; the arguments are the flags.

    `dataset` and `data_dir` None: those that the run's result.json names, or Cityscapes.
    """
    segmenter, path = _segmenter(checkpoint)
    dataset, data_dir = recorded_dataset(path.parents[:2], dataset, data_dir)
    description = get_dataset(dataset or "cityscapes", recorded_class_table(path.parents[:2], dataset))
    if segmenter.num_classes != description.num_classes:
        raise InputError(
            f"{path}: tells {segmenter.num_classes} classes apart, dataset {description.name!r} has "
            f"{description.num_classes}; name a network that was trained on it"
        )
    examples = program.list_examples(description, data_dir, split)
    check_files(examples)
    with open(path, "rb") as file:
        network = hashlib.file_digest(file, "sha256").hexdigest()
    made_by = {"network": network, "data_dir": os.path.abspath(data_dir or description.default_data_dir)}
    submission = Submission(pathlib.Path(output_dir) / f"submission_{split}", description, examples, made_by)
    missing = submission.missing()
    labels = segmenter.stream(read_image(example.image_path) for example in missing)
    bar = progress_bar(
        labels, total=len(examples), initial=len(examples) - len(missing),
        desc="segmenting", unit="image",
    )  # fmt: skip
    for train_ids, example in zip(bar, missing, strict=True):
        submission.write(example, train_ids)
    return submission.pack()


def _segmenter(checkpoint: str) -> tuple[Segmenter, pathlib.Path]:
    """What segments, with all cores, and the file that it was loaded from."""
    if pathlib.Path(checkpoint).suffix == ".tflite":
        return Segmenter(checkpoint, num_threads=os.cpu_count()), pathlib.Path(checkpoint)
    path = network_path(checkpoint)
    return Segmenter(path, engine="tensorflow"), path


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    path = run(
        checkpoint=program.required("checkpoint"),
        dataset=values.dataset,
        data_dir=values.data_dir,
        split=values.split,
        output_dir=program.required("output_dir"),
    )
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    program.run(main)
