"""Writes report.html of a run: a self-contained page with its figures, curves and images, which works offline.

Reads what other programs wrote into the folder of the run: result.json (train, evaluate, export, predict),
history.jsonl (train) and predictions/ (predict; evaluate --confidence adds confidences). The page lists missing parts.
The images and their ground truth come from the dataset that result.json names; give --data_dir if the dataset has
moved. They are of the split of the last predict. Predictions of other images with equal names are left out, with a
note. The paper's Tables 4, 5 and 7 stand beside comparable figures. Takes a few seconds; half a minute for 500 images
of Cityscapes' size.

  python -m experiments.report --output_dir=runs/demo
"""

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from absl import flags

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.fingerprint import image_digest
from contextnet_tf.datasets.sources import Example, read_example, read_label
from contextnet_tf.datasets.sources.example import evenly_spread
from contextnet_tf.errors import InputError
from contextnet_tf.reporting.images import COLORLESS, Sample, read_confidence, read_labels
from contextnet_tf.reporting.mistakes import Outcome, Shown, mistakes
from contextnet_tf.runs import layout
from contextnet_tf.runs.predictions import is_of_image
from contextnet_tf.runs.results import Results, read_results
from contextnet_tf.runs.sections import DatasetSection
from experiments import common_flags, opening, program

T = TypeVar("T")

flags.DEFINE_integer(
    "report_images",
    6,
    "Sample images to show with ground truth and prediction, evenly spread over the split. Each adds about 0.15 MB.",
    lower_bound=0,
    upper_bound=20,
)
flags.DEFINE_integer(
    "worst_images",
    4,
    "Number of images with the lowest pixel accuracy to show; 0 also omits the examples of each class.",
    lower_bound=0,
    upper_bound=20,
)
common_flags.key_flags(
    output_dir="Folder of the run, which gets report.html. Required.",
    data_dir="Folder of the dataset. Default: the one that result.json names.",
)


def run(*, output_dir: str, data_dir: str | None = None, report_images: int = 6, worst_images: int = 4) -> pathlib.Path:
    """Writes the report of the run in `output_dir` and returns its path; the arguments are the flags.

    `data_dir` None: the folder that result.json names.
    """
    from contextnet_tf.reporting.report import write_report

    results = read_results(output_dir)
    predictions = pathlib.Path(output_dir) / layout.PREDICTIONS
    samples, errors, reason, left_out = [], None, "--report_images is 0", ""
    split = _predicted_split(results)
    if report_images or worst_images:
        try:
            predicted = _predicted(output_dir, data_dir, split, predictions)
            loaded = map(predicted.load, evenly_spread(list(predicted.examples), report_images))
            samples = [shown.sample for shown in loaded if shown]
            classes = [(each.name, each.color or COLORLESS) for each in (results.dataset or DatasetSection()).classes]
            if worst_images and classes:
                errors = mistakes(
                    map(predicted.outcome, predicted.examples), predicted.load, classes, worst=worst_images
                )
            if predicted.foreign:
                left_out = (
                    f"{predictions}: predictions of other images than those of the same names in the split {split} are "
                    f"left out ({predicted.foreign}); run predict --split={split} --output_dir={output_dir} without "
                    "--input to make them again"
                )
            if report_images:
                reason = left_out or f"{predictions} holds no prediction of the dataset's images"
        except _NoDataset as error:
            reason = program.with_flags(str(error))
        if not samples and report_images:
            print(f"note: no images in the report: {reason}", file=sys.stderr)
        elif left_out:
            print(f"note: {left_out}", file=sys.stderr)
    return write_report(output_dir, samples, missing={"images": reason}, mistakes=errors, split=split)


def _predicted_split(results: Results) -> str:
    """The split that predict recorded, else the one of the training: without validation, one that was trained on."""
    dataset = results.dataset or DatasetSection()
    runtime = results.runtime
    own = runtime.split if runtime and runtime.dataset == dataset.name else None
    return own or dataset.split or "val"


class _NoDataset(InputError):
    """The dataset is not in the recorded folder, or is no longer valid."""


@dataclasses.dataclass(frozen=True)
class _Predicted:
    """The examples that have a prediction NAME_labels.png in `folder`, by name.

    `foreign`: the number of further files of such names, which are predictions of other images.
    """

    folder: pathlib.Path
    dataset: Dataset | None
    examples: dict[str, Example]
    foreign: int = 0
    damaged: set[str] = dataclasses.field(default_factory=set)  # the notes on damaged files, each said once

    def load(self, name: str) -> Shown | None:
        """An example with its prediction, and its confidence if there is NAME_confidence.png; None if it is damaged."""
        pixels = self._intact(lambda: read_example(self.examples[name], self.dataset))
        if pixels is None:
            return None
        image, ground_truth = pixels
        return Shown(
            Sample(name, image, ground_truth, self._labels(name, ground_truth.shape)),
            self._confidence(name, ground_truth.shape),
        )

    def outcome(self, name: str) -> Outcome | None:
        """The correct and wrong pixels of an example, from its label files; None if they are damaged."""
        ground_truth = self._intact(lambda: read_label(self.examples[name].label_path, self.dataset))
        if ground_truth is None:
            return None
        size = ground_truth.shape
        return Outcome.of(
            name, ground_truth, self._labels(name, size), self._confidence(name, size), self.dataset.num_classes
        )

    def _intact(self, read: Callable[[], T]) -> T | None:
        """The result of `read`; None, with a note, if a file was damaged after it was segmented."""
        try:
            return read()
        except InputError as error:
            note = program.with_flags(f"note: an image is left out of the report: {error}")
            if note not in self.damaged:
                print(note, file=sys.stderr)
            self.damaged.add(note)
            return None

    def _labels(self, name: str, size: tuple[int, int]) -> np.ndarray:
        return read_labels(self.folder / layout.LABELS.format(name), size)

    def _confidence(self, name: str, size: tuple[int, int]) -> np.ndarray | None:
        path = self.folder / layout.CONFIDENCE.format(name)
        return read_confidence(path, size) if _is_of(path, self.examples[name]) else None


def _is_of(path: pathlib.Path, example: Example) -> bool:
    """Whether there is a prediction in `path`, and it was made from the example's image."""
    try:
        return path.exists() and is_of_image(path, image_digest(example.image_path))
    except InputError:  # of the image; reading it says so
        return True


def _predicted(output_dir: str, data_dir: str | None, split: str, predictions: pathlib.Path) -> _Predicted:
    """The predicted examples of the recorded dataset's split; none without dataset or predictions."""
    nothing = _Predicted(predictions, None, {})
    if not predictions.is_dir():
        return nothing
    try:
        found = opening.find_dataset(dataset=None, data_dir=data_dir, recorded_in=[output_dir])
        if found is None:
            return nothing
        examples = found.dataset.list_examples(found.data_dir, split)
    except InputError as error:
        raise _NoDataset(*error.args) from None
    paths = {x.name: predictions / layout.LABELS.format(x.name) for x in examples if x.label_path}
    own = {x.name: x for x in examples if x.name in paths and _is_of(paths[x.name], x)}
    foreign = sum(path.exists() for name, path in paths.items() if name not in own)
    return _Predicted(predictions, found.dataset, own, foreign)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    print(
        run(
            output_dir=common_flags.required("output_dir"),
            data_dir=values.data_dir,
            report_images=values.report_images,
            worst_images=values.worst_images,
        )
    )


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
