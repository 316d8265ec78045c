"""The runs of progressive pruning: a network trained, pruned, recalibrated and fine-tuned; resumable."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from contextnet_tf.compression.prune import prune_filters
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.evaluate import Report
from contextnet_tf.files import atomic_write, ensure_writable_dir
from contextnet_tf.models.batch_statistics import reestimate_batch_statistics
from contextnet_tf.models.loading import BEST_NETWORK, load_network, network_path
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import ContextNetSpec
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.training.initial import initialize_from
from contextnet_tf.training.plan import TrainingPlan, checked_crop, recipe_crop
from contextnet_tf.training.recipe import Recipe
from experiments import evaluate, train
from experiments.splits import Splits

RECALIBRATION_BATCHES = 16  # if the recipe sets none


@dataclasses.dataclass(frozen=True)
class PruningRuns:
    """The runs of one seed.

    Attributes:
      folder: holds the folder of each run and of each pruned network.
      recipe: the changed recipe; `changes` are its changes, by flag name.
      fine_tuning: further changes, for the runs after a pruning.
      dataset, data_dir, class_table, data_splits, crop_size: as `train.run` takes them.
      settings: its further arguments.
    """

    folder: pathlib.Path
    seed: int
    recipe: Recipe
    changes: Mapping[str, Any]
    fine_tuning: Mapping[str, Any]
    dataset: str
    data_dir: str | None
    class_table: dict[str, Any] | None
    data_splits: Splits
    crop_size: tuple[int, int] | None
    settings: Mapping[str, Any]

    def trained(self, spec: ContextNetSpec, kind: str, *, initial: str | None = None, **changes: Any) -> Report:
        """The report of the run NAME-`kind`-seedN; trains it if it is incomplete."""
        out = self.path(spec, kind)
        print(f"{spec.name}, {kind}, seed {self.seed}: {out}", flush=True)
        keras.backend.clear_session()  # frees the memory of the run before
        return train.run(
            model=spec, output_dir=str(out), recipe=self.recipe.name, changes={**self.changes, **changes},
            seed=self.seed, initial=initial, dataset=self.dataset, data_dir=self.data_dir,
            class_table=self.class_table, data_splits=self.data_splits, crop_size=self.crop_size, **self.settings,
        ).report  # fmt: skip

    def path(self, spec: ContextNetSpec, kind: str) -> pathlib.Path:
        """The folder of a run, or of a pruned network."""
        return self.folder / f"{spec.name}-{kind}-seed{self.seed}"

    def stage(self, source: pathlib.Path, spec: ContextNetSpec) -> tuple[Report, Report]:
        """Prunes the network in `source` to `spec` and fine-tunes it: the reports before and after fine-tuning."""
        out = ensure_writable_dir(self.path(spec, "pruned"))
        digest = hashlib.sha256(network_path(source).read_bytes()).hexdigest()
        of = read_results(out, missing_ok=True).flags.get("prune", {}).get("source_sha256")
        if of is None:
            with atomic_write(out / BEST_NETWORK) as temporary:
                self._pruned(source, spec).save(temporary)
            # Recorded before the evaluation: fine-tuning starts from this very file, also after an interruption.
            update_results(out, flags={"prune": {"source_sha256": digest}})
        elif of != digest:
            raise InputError(f"{out}: was pruned from another network; set another --output_dir")
        before = self.evaluated(out, out)
        return before, self.trained(spec, "fine-tuned", initial=str(out), **self.fine_tuning)

    def evaluated(self, checkpoint: pathlib.Path, output_dir: pathlib.Path) -> Report:
        """The report of a network that is not trained here; the figures go into result.json in `output_dir`."""
        return evaluate.run(
            checkpoint=str(checkpoint), output_dir=str(output_dir), dataset=self.dataset, data_dir=self.data_dir,
            class_table=self.class_table, default_splits=self.data_splits,
        )  # fmt: skip

    def _pruned(self, source: pathlib.Path, spec: ContextNetSpec) -> keras.Model:
        """The pruned network with its auxiliary head, its batch statistics recomputed on the first training images."""
        wide_spec = spec_of(load_network(source))
        if wide_spec is None:
            raise InputError(f"{source}: holds no spec of a ContextNet; train it with this version")
        dataset = get_dataset(self.dataset, self.class_table)
        wide = build_model(wide_spec, num_classes=dataset.num_classes, input_shape=(None, None, 3), aux_head=True)
        print(initialize_from(wide, source), flush=True)
        network = prune_filters(wide, spec)
        examples = self.data_splits.train_examples(dataset, self.data_dir)
        dataset = dataset.measured(examples[0])
        crop_size = self.crop_size or recipe_crop(network, self.recipe, dataset)
        plan = TrainingPlan(self.recipe, dataset, examples, (), checked_crop(network, crop_size), self.seed)
        batches = plan.batches(0, self.recipe.bn_recalibration_batches or RECALIBRATION_BATCHES, plan.sampling(), None)
        reestimate_batch_statistics(network, (batch["image"] for batch in batches))
        return network
