"""Training runs side by side: as a Markdown table, and as curves in one image."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from contextnet_tf import plots
from contextnet_tf.errors import InputError
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.reporting.wording import UNKNOWN, count, dataset_title, decimal, percent
from contextnet_tf.runs import history as histories
from contextnet_tf.runs.layout import HISTORY
from contextnet_tf.runs.results import Results, read_results
from contextnet_tf.runs.run_dir import StartedWith, read_started_with
from contextnet_tf.runs.sections import DatasetSection, ModelSection, TrainingSection

_PLURALS = {"Network": "networks", "Dataset": "datasets"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A run: its folder as given, its validations, and its result.json, without training while the run is unfinished.

    `epochs` and `mean_iou` (0 to 1) have one value per validation. `network`, `dataset`, `split`, the validated images'
    name, and `images`, their number, are None if unknown.
    """

    name: str
    epochs: Sequence[float]
    mean_iou: Sequence[float]
    results: Results
    network: str | None
    dataset: str | None
    split: str | None
    images: int | None


def read_run(folder: str | os.PathLike) -> Run:
    """The run in `folder`, finished or not.

    Raises:
      InputError: there is no run, the run has no validation yet, or a file cannot be read.
    """
    path = pathlib.Path(folder)
    epochs, mean_iou = histories.curve(histories.read_history(path), histories.MEAN_IOU)
    if not epochs:
        raise InputError(f"{path}: holds no {HISTORY} with a validation; `runs` takes folders that train wrote")
    results = read_results(path, missing_ok=True)
    try:
        started = read_started_with(path)
    except InputError:
        if not (results.model and results.dataset):
            raise
        started = StartedWith()
    model, dataset = results.model or ModelSection(), results.dataset or DatasetSection()
    return Run(
        str(path),
        epochs,
        mean_iou,
        results,
        network=model.name or started.network,
        dataset=dataset.name or started.dataset,
        split=started.split or dataset.split,
        images=started.validation_images if dataset.images is None else dataset.images,
    )


def runs_table(runs: Sequence[Run]) -> str:
    """One row per run: recipe, seed, epochs, best and last validation, and columns for other differences."""
    header = [
        "Run", "Recipe", "Seed", "Steps", "Minutes", "Best mean IoU %", "after epochs", "Last mean IoU %",
        "after epochs",
    ]  # fmt: skip
    columns = {title: values for title, values in _identity(runs).items() if len(set(values)) > 1}
    rows = [[run.name, *identity, *_row(run)] for run, *identity in zip(runs, *columns.values(), strict=True)]
    return markdown_table([header[0], *columns, *header[1:]], rows, left=1 + len(columns))


def differences_note(runs: Sequence[Run]) -> str:
    """A sentence on why the figures of these runs are not comparable; empty if they are."""
    known = {title: set(values) - {UNKNOWN} for title, values in _identity(runs).items()}
    different = [_PLURALS[title] for title, values in known.items() if len(values) > 1]
    return f"the runs have different {' and '.join(different)}; compare their figures with care" if different else ""


def runs_plot(runs: Sequence[Run]) -> bytes:
    """PNG: mean IoU on the validation split over the epochs, a curve per run."""
    return plots.validation_curves([(run.name, run.epochs, run.mean_iou) for run in runs])


def _identity(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Network and validation data of each run, by the title of their column."""
    found: dict[str, list[str]] = {title: [] for title in _PLURALS}
    for run in runs:
        split = f" {run.split}" if run.split else ""
        images = f", {count(run.images)} images" if run.images is not None else ""
        found["Network"].append(run.network or UNKNOWN)
        found["Dataset"].append(f"{dataset_title(run.dataset)}{split}{images}" if run.dataset else UNKNOWN)
    return found


def _row(run: Run) -> list[str]:
    training = run.results.training or TrainingSection()
    best = max(run.mean_iou)
    return [
        training.recipe_name or UNKNOWN,
        str(UNKNOWN if training.seed is None else training.seed),
        count(training.steps),
        decimal(training.minutes, 0),
        percent(best, 2),
        decimal(run.epochs[run.mean_iou.index(best)], 0),
        percent(run.mean_iou[-1], 2),
        decimal(run.epochs[-1], 0),
    ]
