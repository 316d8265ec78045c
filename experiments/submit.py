"""Writes label images for Cityscapes' test server, and a zip of them to upload.

The paper: Table 6. About three images of 1024 x 2048 per second on two busy cores, so eight minutes for the 1,525
images of the test split.

  python -m experiments.submit --checkpoint=runs/city --data_dir=DIR --split=test --output_dir=runs/city

Writes submission_SPLIT/ and submission_SPLIT.zip into --output_dir. Rerun the same command to resume: finished images
of the same network are kept, those of another network are replaced.

With --split=val, cityscapesScripts can evaluate the images; it gives the same figures as experiments.evaluate
(cityscapesScripts 2.3.0 needs NumPy below 2.4):

  CITYSCAPES_DATASET=DIR CITYSCAPES_RESULTS=runs/city/submission_val csEvalPixelLevelSemanticLabeling
"""

import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from contextnet_tf.datasets.sources import check_files, read_image
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.submission import Submission
from experiments import common_flags, opening, program
from experiments.progress import progress_bar

common_flags.key_flags(
    *common_flags.DATASET_FLAGS,
    "split",
    "output_dir",
    dataset=common_flags.dataset_text("the one recorded with the checkpoint, else cityscapes"),
    checkpoint=f"Trained network: {common_flags.PRESET}, the folder of a run (its best.keras), "
    "a .keras file or an exported .tflite or .onnx file. Required.",
)


def run(
    *,
    checkpoint: str,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str = "val",
    output_dir: str,
    class_table: dict[str, Any] | None = None,
) -> pathlib.Path:
    """Segments the split's images without a prediction, and returns the zip; the arguments are the flags.

    `dataset` and `data_dir` None: those that the run's result.json names, or Cityscapes.
    """
    path = opening.checkpoint_file(checkpoint)
    if path.is_dir():
        raise InputError(f"{path}: is a SavedModel folder; set --checkpoint to a run, a .keras or a .tflite file")
    segmenter = opening.open_segmenter(path)
    description, data_dir = opening.find_dataset(
        dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=path.parents[:2], default="cityscapes"
    )
    opening.require_classes(
        path,
        segmenter.num_classes,
        description,
        metadata=segmenter.metadata,
        remedy=f"set --checkpoint to one trained on {description.name}",
    )
    examples = opening.list_examples(description, data_dir, split)
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


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    path = run(
        checkpoint=common_flags.required("checkpoint"),
        split=values.split,
        output_dir=common_flags.required("output_dir"),
        **common_flags.given_dataset(),
    )
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    program.run(main)
