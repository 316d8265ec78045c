"""Writes report.html of a run: one page with its figures, curves and images that opens without a network.

Reads what the other programs left in the folder of the run: result.json (train, evaluate, export, predict),
history.jsonl (train) and predictions/ (predict). What is missing is left out of the page. The images and
their truth come from the dataset that result.json names; say --data_dir if it has moved since. A few seconds.

  python -m experiments.report --output_dir=runs/demo

With --what=models, the networks themselves side by side, untrained: layers, receptive field, parameters and
multiply-adds beside the figures of the paper's Tables 4, 6 and 7. Prints the table and writes models.md,
models.png and models.json into --output_dir (runs/models if not given). Half a minute.

  python -m experiments.report --what=models

With --what=runs, runs beside one another while they go on or later: writes runs.md (the table that it prints) and
runs.png (mean IoU on the validation split over the epochs).

  python -m experiments.report --what=runs --runs=runs/paper,runs/modern --output_dir=runs/compared
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from contextnet_tf.analysis.overview import overview
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import read_example
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, ensure_writable_dir, write_json
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.reporting.images import Sample, evenly_spread, read_labels
from contextnet_tf.reporting.models import models_plot, models_table
from contextnet_tf.reporting.report import write_report
from contextnet_tf.reporting.runs import read_run, runs_plot, runs_table
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs import layout
from contextnet_tf.runs.results import read_results
from contextnet_tf.runs.sections import DatasetSection
from experiments import program
from experiments.progress import progress_bar

flags.DEFINE_enum(
    "what",
    "run",
    ["run", "models", "runs"],
    "Report on the run in --output_dir; or side by side, on all networks or on --runs.",
)
program.define_path_list("runs", [], "With --what=runs: the folders of runs, finished or not.")
flags.DEFINE_integer(
    "report_images",
    6,
    "Images to show with truth and prediction, evenly spread over the split (about 0.15 MB each).",
    lower_bound=0,
    upper_bound=20,
)
program.key_flags("output_dir", "data_dir")

_MODELS_DIR = "runs/models"
_SIZES = ((1024, 2048), (512, 1024), (256, 512))  # full, half and quarter: Table 7


def run(*, output_dir: str, data_dir: str | None = None, report_images: int = 6) -> pathlib.Path:
    """Writes the report of the run in `output_dir` and returns its path.

    `data_dir` stands for the folder of the dataset in result.json, should it have moved since.
    """
    results = read_results(output_dir)
    predictions = pathlib.Path(output_dir) / layout.PREDICTIONS
    samples = _samples(results.dataset or DatasetSection(), predictions, data_dir, report_images)
    if report_images and not samples:
        print(f"no images in the report: {predictions} holds no prediction of the dataset's images")
    return write_report(output_dir, samples)


def _samples(recorded: DatasetSection, predictions: pathlib.Path, data_dir: str | None, count: int) -> list[Sample]:
    """Some of the split's images that have a prediction NAME_labels.png."""
    if not (count and recorded.name and predictions.is_dir()):
        return []
    dataset = get_dataset(recorded.name, recorded.class_table)
    examples = dataset.list_examples(data_dir or recorded.data_dir, recorded.split or "val")
    files = {example: predictions / f"{example.name}_labels.png" for example in examples}
    samples = []
    for example in evenly_spread([example for example in examples if files[example].exists()], count):
        image, truth = read_example(example, dataset)
        samples.append(Sample(example.name, image, truth, read_labels(files[example], truth.shape)))
    return samples


def run_models(*, output_dir: str) -> str:
    """Writes models.md, models.png and models.json on all networks; returns the table as Markdown."""
    ensure_writable_dir(output_dir)
    overviews = []
    with progress_bar(model_names(), unit="network") as bar:
        for name in bar:
            bar.set_description(name)
            overviews.append(overview(build_model(name, input_shape=(None, None, 3)), _SIZES))
    table, folder = models_table(overviews), pathlib.Path(output_dir)
    with atomic_write(folder / "models.md") as temporary:
        temporary.write_text(table, encoding="utf-8")
    with atomic_write(folder / "models.png") as temporary:
        temporary.write_bytes(models_plot(overviews))
    write_json(folder / "models.json", [found.to_json() for found in overviews])
    return table


def run_runs(*, runs: Sequence[str], output_dir: str) -> str:
    """Writes runs.md and runs.png of the runs in these folders; returns the table as Markdown."""
    if not runs:
        raise InputError("--runs names no folder; say --runs=runs/one,runs/other")
    found = [read_run(folder) for folder in runs]
    folder = ensure_writable_dir(output_dir)
    table = runs_table(found)
    with atomic_write(folder / "runs.md") as temporary:
        temporary.write_text(table, encoding="utf-8")
    with atomic_write(folder / "runs.png") as temporary:
        temporary.write_bytes(runs_plot(found))
    return table


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    if values.what == "models":
        output_dir = values.output_dir or _MODELS_DIR
        print(aligned(run_models(output_dir=output_dir)))
        print(f"{output_dir}/models.md, models.png, models.json")
        return
    if values.what == "runs":
        output_dir = program.required("output_dir")
        print(aligned(run_runs(runs=values.runs, output_dir=output_dir)))
        print(f"{output_dir}/runs.md, runs.png")
        return
    path = run(
        output_dir=program.required("output_dir"),
        data_dir=values.data_dir,
        report_images=values.report_images,
    )
    print(path)


if __name__ == "__main__":
    program.run(main)
