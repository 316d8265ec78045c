"""Writes report.html of a run: one page with its figures, curves and images that opens without a network.

Reads what the other programs left in the folder of the run: result.json (train, evaluate, export, predict),
history.jsonl (train) and predictions/ (predict). A part that is missing is left out; the page names it. The sample
images and their ground truth come from the dataset that result.json names; give --data_dir if the dataset has moved.
The paper's Tables 4, 5 and 7 stand beside the figures that they can be compared with. Takes a few seconds.

  python -m experiments.report --output_dir=runs/demo
"""

import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from contextnet_tf.datasets.sources import read_example
from contextnet_tf.datasets.sources.example import evenly_spread
from contextnet_tf.errors import InputError
from contextnet_tf.reporting.images import Sample, read_labels
from contextnet_tf.runs import layout
from contextnet_tf.runs.results import read_results
from experiments import opening, program

flags.DEFINE_integer(
    "report_images",
    6,
    "Sample images to show with ground truth and prediction, evenly spread over the split. Each adds about 0.15 MB.",
    lower_bound=0,
    upper_bound=20,
)
program.key_flags(
    output_dir="Folder of the run. report.html is written there.",
    data_dir="Folder of the dataset. Default: the one that result.json names.",
)


def run(*, output_dir: str, data_dir: str | None = None, report_images: int = 6) -> pathlib.Path:
    """Writes the report of the run in `output_dir` and returns its path; the arguments are the flags.

    `data_dir` None: the folder that result.json names.
    """
    from contextnet_tf.reporting.report import write_report

    results = read_results(output_dir)
    predictions = pathlib.Path(output_dir) / layout.PREDICTIONS
    samples, reason = [], "none were asked for"
    if report_images:
        try:
            split = results.dataset.split if results.dataset else None
            samples = _samples(output_dir, data_dir, split or "val", predictions, report_images)
            reason = f"{predictions} holds no prediction of the dataset's images"
        except _NoDataset as error:
            reason = str(error)
        if not samples:
            print(program.with_flags(f"note: no images in the report: {reason}"), file=sys.stderr)
    return write_report(output_dir, samples, missing={"images": reason})


class _NoDataset(InputError):
    """The dataset is not in the recorded folder, or is no longer valid."""


def _samples(output_dir: str, data_dir: str | None, split: str, predictions: pathlib.Path, count: int) -> list[Sample]:
    """Some images of the recorded dataset's split that have a prediction NAME_labels.png."""
    if not predictions.is_dir():
        return []
    try:
        found = opening.find_dataset(dataset=None, data_dir=data_dir, recorded_in=[output_dir])
        if found is None:
            return []
        dataset = found.dataset
        examples = dataset.list_examples(found.data_dir, split)
    except InputError as error:
        raise _NoDataset(*error.args) from None
    files = {example: predictions / f"{example.name}_labels.png" for example in examples}
    samples = []
    for example in evenly_spread([example for example in examples if files[example].exists()], count):
        try:
            image, truth = read_example(example, dataset)
        except InputError as error:
            print(program.with_flags(f"note: an image is left out of the report: {error}"), file=sys.stderr)
            continue
        samples.append(Sample(example.name, image, truth, read_labels(files[example], truth.shape)))
    return samples


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    print(
        run(
            output_dir=program.required("output_dir"),
            data_dir=values.data_dir,
            report_images=values.report_images,
        )
    )


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
