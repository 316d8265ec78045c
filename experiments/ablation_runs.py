"""The runs of an ablation: each trained once, shared between processes and with other ablations."""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from contextnet_tf.errors import InUseError
from contextnet_tf.files import atomic_write, ensure_writable_dir
from contextnet_tf.models.loading import BEST_NETWORK, load_network
from contextnet_tf.models.spec import ContextNetSpec
from contextnet_tf.training.recipe import get_recipe
from experiments import evaluate, recipe_flags, train
from experiments.ablation_rows import Row, in_file_name, run_name
from experiments.splits import Splits

if TYPE_CHECKING:
    from contextnet_tf.evaluation.evaluate import Report

_Key = TypeVar("_Key")


@dataclasses.dataclass(frozen=True)
class Runs:
    """The runs of rows x seeds.

    Attributes:
      folder: holds the folder of each run.
      model: network of the rows without one.
      recipe: name of the recipe.
      own: the ablation's changes of the recipe, for all rows.
      given: the user's changes, which take precedence over `own`.
      data_splits: the splits to train and validate on.
      common_crop: crop size (height, width) that the ablation chose for all runs, for their names; None: none.
      settings: further arguments of `train.run`.
      should_stop: called after each step; on True the current run is saved.
    """

    folder: pathlib.Path
    model: str
    recipe: str
    own: Mapping[str, Any]
    given: Mapping[str, Any]
    data_splits: Splits
    common_crop: tuple[int, int] | None
    settings: Mapping[str, Any]
    should_stop: Callable[[], bool]

    def folder_of(self, row: Row, seed: int) -> pathlib.Path:
        """The folder of a run."""
        if row.make:
            return self.folder / in_file_name(f"{row.name}-seed{seed}")
        # The user's flags are not in the name: the same command with other flags is refused, not trained separately.
        recipe = recipe_flags.changed(get_recipe(self.recipe), self.given)
        changes = {name: value for name, value in self.own.items() if name not in self.given} | dict(row.changes)
        return self.folder / run_name(self.network(row), recipe, changes, seed, self.common_crop)

    def network(self, row: Row) -> str | ContextNetSpec:
        """The name or spec of a row's network."""
        return row.model or self.model

    def reports(self, rows: Sequence[Row], seeds: Sequence[int]) -> "dict[tuple[str, int], Report]":
        """The report of each run, by row name and seed; trains missing runs.

        Raises:
          InUseError: all remaining runs are being trained by other processes.
        """
        # Seed by seed: all rows with one seed are more useful than half the rows with two.
        reports = shared_reports(
            {
                (row.name, seed): functools.partial(self._trained, row, seed)
                for seed in seeds
                for row in rows
                if not row.make
            }
        )
        sources = {row.name: row for row in rows}
        return reports | {
            (row.name, seed): self._made(row, [sources[name] for name in row.made_of], seed)
            for row in rows
            if row.make
            for seed in seeds
        }

    def _trained(self, row: Row, seed: int) -> "Report":
        import keras

        out = self.folder_of(row, seed)
        print(f"{row.name}, seed {seed}: {out}", flush=True)
        keras.backend.clear_session()  # frees the memory of the run before
        # A complete run is evaluated again here, and refused if it has other settings.
        return train.run(
            output_dir=str(out), model=self.network(row), recipe=self.recipe,
            changes={**self.own, **self.given, **row.changes}, seed=seed, data_splits=self.data_splits,
            should_stop=self.should_stop, **self.settings,
        ).report  # fmt: skip

    def _made(self, row: Row, sources: Sequence[Row], seed: int) -> "Report":
        """Makes the network of a row that is not trained, writes it as best.keras and evaluates it."""
        import keras

        out = ensure_writable_dir(self.folder_of(row, seed))
        print(f"{row.name}, seed {seed}: {out}", flush=True)
        keras.backend.clear_session()
        network = row.make([load_network(self.folder_of(source, seed)) for source in sources])
        with atomic_write(out / BEST_NETWORK) as temporary:
            network.save(temporary)
        data = {name: self.settings.get(name) for name in ("dataset", "data_dir", "class_table")}
        return evaluate.run(checkpoint=str(out), output_dir=str(out), default_splits=self.data_splits, **data)


def shared_reports(runs: "Mapping[_Key, Callable[[], Report]]") -> "dict[_Key, Report]":
    """The report of each run, by its key. Runs in training by another process are retried last.

    Raises:
      InUseError: all remaining runs are being trained by other processes.
    """
    reports, in_use = {}, []
    for key, train_run in runs.items():
        try:
            reports[key] = train_run()
        except InUseError:
            print("skipped for now: another process trains it", flush=True)
            in_use.append(key)
    return reports | {key: runs[key]() for key in in_use}


def mean_class_iou(reports: "Sequence[Report]") -> dict[str, float | None]:
    """IoU of each class: the mean over the reports in which it is not nan; None if it is nan in all."""
    means = {}
    for name in reports[0].class_iou:
        known = [report.class_iou[name] for report in reports if not math.isnan(report.class_iou[name])]
        means[name] = sum(known) / len(known) if known else None
    return means
