"""Training runs side by side: as a Markdown table, and as curves in one image."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from contextnet_tf.errors import InputError
from contextnet_tf.reporting import plots
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.reporting.wording import UNKNOWN, count, decimal, percent
from contextnet_tf.runs import history as histories
from contextnet_tf.runs.layout import HISTORY
from contextnet_tf.runs.results import Results, read_results
from contextnet_tf.runs.sections import TrainingSection


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run left: its folder as it was named, its validations, and its result.json, empty while it runs.

    `epochs` and `mean_iou` (0 to 1) have one figure a validation.
    """

    name: str
    epochs: Sequence[float]
    mean_iou: Sequence[float]
    results: Results


def read_run(folder: str | os.PathLike) -> Run:
    """The run in `folder`, finished or not.

    Raises:
      InputError: there is no run, it has not been validated yet, or a file in it cannot be read.
    """
    path = pathlib.Path(folder)
    epochs, mean_iou = histories.curve(histories.read_history(path), histories.MEAN_IOU)
    if not epochs:
        raise InputError(f"{path}: holds no {HISTORY} with a validation; `runs` takes folders that train wrote")
    return Run(str(path), epochs, mean_iou, read_results(path, missing_ok=True))


def runs_table(runs: Sequence[Run]) -> str:
    """One row a run: recipe, seed, epochs, the best validation and the last one."""
    header = [
        "Run", "Recipe", "Seed", "Steps", "Minutes", "Best mean IoU %", "after epochs", "Last mean IoU %",
        "after epochs",
    ]  # fmt: skip
    return markdown_table(header, [_row(run) for run in runs])


def runs_plot(runs: Sequence[Run]) -> bytes:
    """PNG: mean IoU on the validation split over the epochs, a curve a run."""
    return plots.validation_curves([(run.name, run.epochs, run.mean_iou) for run in runs])


def _row(run: Run) -> list[str]:
    training = run.results.training or TrainingSection()
    best = max(run.mean_iou)
    return [
        run.name,
        training.recipe_name or UNKNOWN,
        str(UNKNOWN if training.seed is None else training.seed),
        count(training.steps),
        decimal(training.minutes, 0),
        percent(best, 2),
        decimal(run.epochs[run.mean_iou.index(best)], 0),
        percent(run.mean_iou[-1], 2),
        decimal(run.epochs[-1], 0),
    ]
