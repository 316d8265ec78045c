"""Writes report.html of a run: one page with its figures, curves and pictures that opens without a network.

Reads what the other programs left in the folder of the run: result.json (train, evaluate, export, predict),
history.jsonl (train) and predictions/ (predict). What is missing is left out of the page. The pictures and
their truth come from the data set that result.json names; say --data_dir if it has moved since. A few seconds.

  python -m experiments.report --output_dir=runs/demo
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import read_example
from contextnet_tf.reporting.pictures import Sample, evenly_spread, read_labels
from contextnet_tf.reporting.report import write_report
from contextnet_tf.reporting.results import read_results
from experiments import program

flags.DEFINE_integer(
    "report_pictures",
    6,
    "Pictures to show with truth and prediction, evenly spread over the split (about 0.15 MB each).",
    lower_bound=0,
    upper_bound=20,
)
program.key_flags("output_dir", "data_dir")


def run(*, output_dir: str, data_dir: str | None = None, report_pictures: int = 6) -> pathlib.Path:
    """Writes the report of the run in `output_dir` and returns its path.

    `data_dir` stands for the folder of the data set in result.json, should it have moved since.
    """
    results = read_results(output_dir)
    predictions = pathlib.Path(output_dir) / "predictions"
    samples = _samples(results.get("dataset", {}), predictions, data_dir, report_pictures)
    if report_pictures and not samples:
        print(f"no pictures in the report: {predictions} holds no prediction of the data set's pictures")
    return write_report(output_dir, samples)


def _samples(
    recorded: dict, predictions: pathlib.Path, data_dir: str | None, count: int
) -> list[Sample]:
    """Some of the split's pictures that have a prediction NAME_labels.png."""
    if not (count and recorded.get("name") and predictions.is_dir()):
        return []
    dataset = get_dataset(recorded["name"], recorded.get("definition"))
    examples = dataset.list_examples(data_dir or recorded.get("data_dir"), recorded.get("split", "val"))
    files = {example: predictions / f"{example.name}_labels.png" for example in examples}
    samples = []
    for example in evenly_spread([example for example in examples if files[example].exists()], count):
        image, truth = read_example(example, dataset)
        samples.append(Sample(example.name, image, truth, read_labels(files[example], truth.shape)))
    return samples


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    path = run(
        output_dir=program.required("output_dir"),
        data_dir=values.data_dir,
        report_pictures=values.report_pictures,
    )
    print(path)


if __name__ == "__main__":
    program.run(main)
