"""Trains a network and keeps the weights with the best validation mean IoU.

The paper: section 3.1 (recipe), Table 4 (cn18 60.1, cn14 65.9, cn12 68.7 % mean IoU on Cityscapes val
after up to 1000 epochs, --recipe=paper). On CamVid the recipe "short" took 30 to 53 minutes on two cores.

  python -m experiments.train --dataset=camvid --data_dir=DIR --model=cn14 --recipe=short --output_dir=runs/camvid

Writes into --output_dir: best.keras (the network), result.json, history.jsonl, tensorboard/ (show it with
tensorboard --logdir=runs), train.log, checkpoints/ and flags.txt (for --flagfile). Rerun the same command to resume
an interrupted run; on a CPU with the same threads and versions, its final weights equal those of an uninterrupted one.
See docs/training.md.
"""

import contextlib
import dataclasses
import pathlib
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.errors import InputError
from contextnet_tf.files import file_size
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import FUSION_ORDERS, VARIANTS, ContextNetSpec
from contextnet_tf.presets import resolved
from contextnet_tf.runs import layout
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import read_results, remove_outdated, update_results
from contextnet_tf.runs.sections import TrainingSection
from contextnet_tf.training.compute_config import CheckpointPolicy, ComputeConfig
from contextnet_tf.training.recipe import get_recipe
from experiments import common_flags, compute_flags, flag_kinds, opening, program, recipe_flags, run_log, splits
from experiments.commands import command
from experiments.progress import Progress
from experiments.splits import Splits
from experiments.stopping import stoppable

if TYPE_CHECKING:
    import keras

    from contextnet_tf.datasets.cache import ImageCache
    from contextnet_tf.training.loop import TrainResult

flags.DEFINE_enum(
    "fusion_order",
    None,
    FUSION_ORDERS,
    "Whether ContextNet's fusion unit upsamples the context features before or after its convolutions. Default: "
    "upsample first (Table 3).",
)
flag_kinds.define_path(
    "initial",
    None,
    "Initial weights: a .keras file, the folder of a run or preset:NAME. They are copied by layer name; a classifier "
    "with another number of classes starts from random weights. Default: all weights are random.",
)
flag_kinds.define_path(
    "cache",
    None,
    "Cache of decoded training images: memory, or a folder. Default: none, images are decoded in every epoch.",
)
flags.DEFINE_bool(
    "resume", True, "Resume the run in --output_dir if there is one. --noresume refuses a folder that holds a run."
)
flags.DEFINE_float(
    "save_minutes",
    CheckpointPolicy.minutes,
    "Minutes between checkpoints, besides those at validations.",
    lower_bound=0,
    upper_bound=1_000_000,
)
flags.DEFINE_integer(
    "keep",
    CheckpointPolicy.keep,
    "Number of newest checkpoints to keep, besides the best validation's.",
    lower_bound=1,
    upper_bound=1_000_000,
)
flags.DEFINE_bool(
    "deterministic",
    False,
    "Use only deterministic TensorFlow operators, so that a GPU gives bit-identical results; slower.",
)
common_flags.key_flags(
    "model", *common_flags.DATASET_FLAGS, "recipe", "seed", "crop_height", "crop_width", "log_level",
    *splits.FLAGS, *recipe_flags.FLAGS, *compute_flags.FLAGS,
    **common_flags.UNRECORDED | {"output_dir": "Folder of the run, for all its files. Required."},
)  # fmt: skip


def run(
    *,
    model: "str | ContextNetSpec | keras.Model" = "cn14",
    dataset: str,
    data_dir: str | None,
    output_dir: str,
    recipe: str,
    seed: int = 0,
    initial: str | None = None,
    data_splits: Splits = Splits(),
    changes: Mapping[str, Any] | None = None,
    crop_size: tuple[int, int] | None = None,
    fusion_order: str | None = None,
    cache: str | None = None,
    resume: bool = True,
    checkpoint_policy: CheckpointPolicy = CheckpointPolicy(),
    deterministic: bool = False,
    compute_config: ComputeConfig | None = None,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> "TrainResult":
    """Trains, and writes the folder of the run. The arguments are the flags; `class_table` is the content of --classes.

    `model` may also be a network for images float32 [B, H, W, 3] of any size, which is trained from its current
    weights. `changes` are the values of the flags of `recipe_flags`, by name.
    """
    import keras
    import tensorflow as tf

    from contextnet_tf.training.checkpoints import has_checkpoints
    from contextnet_tf.training.initial import initialize_from
    from contextnet_tf.training.train import train
    from experiments import training_results

    provenance = current_provenance()
    before = read_results(output_dir, missing_ok=True).training  # now: a damaged file is an error before the work
    description, data_dir = opening.find_dataset(dataset=dataset, data_dir=data_dir, class_table=class_table)
    changes = changes or {}
    used_recipe = recipe_flags.changed(get_recipe(recipe), changes)
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    network = _network(model, fusion_order, description.num_classes)
    settings = data_splits.settings()
    if initial:
        matched = initialize_from(network, resolved(initial), classes=[row.name for row in description.classes])
        if not (resume and has_checkpoints(pathlib.Path(output_dir, layout.CHECKPOINTS))):  # a resumed run has its own
            print(matched, flush=True)
        settings["initial"] = matched.to_json()
    devices = (compute_config or ComputeConfig()).devices
    with devices.naming_lost_workers(), devices.all_or_none():  # all workers report why one has no data
        train_examples, val_examples = data_splits.examples(description, data_dir)
        for examples in (train_examples, val_examples):
            sources.check_files(examples)
        description = description.measured(train_examples[0])
    images = _announced_cache(cache, description, train_examples) if cache else None
    with Progress() as progress, contextlib.ExitStack() as logs:

        def begin(folder: pathlib.Path) -> None:
            # Now, not after the last step: a stopped run can then be resumed, evaluated and exported, too.
            run_log.write_flagfile(folder / layout.FLAGS)
            logs.enter_context(run_log.logged_to(folder / layout.LOG))
            update_results(
                folder,
                training_results.model_section(network, description),
                training_results.dataset_section(description, data_dir, data_splits, len(val_examples)),
                flags={"train": data_splits.flags() | (given_flags or {})},
            )

        result = train(
            network,
            used_recipe,
            description,
            train_examples,
            val_examples,
            output_dir=output_dir,
            crop_size=crop_size,
            seed=seed,
            resume=resume,
            checkpoint_policy=checkpoint_policy,
            cache=images,
            extra_settings=settings,
            compute_config=compute_config,
            on_start=begin,
            on_step=progress.step,
            on_validation=progress.validation,
            should_stop=should_stop,
        )
    if not devices.is_chief:
        return result
    # A complete run was only evaluated again: its training keeps its own date, machine and commit.
    complete = before is not None and before.minutes == result.minutes
    note = ""
    if complete:
        note = "the run was already complete; nothing was trained"
    elif programs := remove_outdated(output_dir):
        note = f"figures of the unfinished network are removed; run again: {', '.join(programs)}"
    if note:
        print(f"note: {output_dir}: {note}", file=sys.stderr)
    section = TrainingSection(
        recipe=used_recipe.to_json(),
        seed=seed,
        steps=result.steps,
        epochs=used_recipe.epochs,
        minutes=result.minutes,
        best_step=result.best_step,
        recipe_epochs=get_recipe(recipe).epochs,
        dataset=description.name,
        split="+".join(data_splits.train),
        provenance=before.provenance if complete else provenance,
    )
    update_results(
        output_dir, section, *training_results.evaluation_sections(result, description, data_splits, provenance)
    )
    return result


def _network(model: "str | ContextNetSpec | keras.Model", fusion_order: str | None, num_classes: int) -> "keras.Model":
    import keras

    if fusion_order:
        model = _in_order(model, fusion_order)
    if isinstance(model, keras.Model):
        return model
    return build_model(model, num_classes=num_classes, input_shape=(None, None, 3), aux_head=True)


def _in_order(model: "str | ContextNetSpec | keras.Model", fusion_order: str) -> ContextNetSpec:
    if model not in VARIANTS:
        name = model if isinstance(model, str) else model.name
        raise InputError(f"--fusion_order is for {', '.join(VARIANTS)}; {name} has no fusion unit of that kind")
    name = model if fusion_order == VARIANTS[model].fusion_order else f"{model}-{fusion_order.replace(' ', '-')}"
    return dataclasses.replace(VARIANTS[model], name=name, fusion_order=fusion_order)


def _announced_cache(where: str, dataset: Dataset, examples: Sequence[sources.Example]) -> "ImageCache":
    """Makes the cache and prints how much space it takes."""
    from contextnet_tf.datasets.cache import disk_cache, memory_cache

    in_memory = where == "memory"
    made = memory_cache(examples) if in_memory else disk_cache(where, dataset, examples)
    taken = file_size(made.missing_bytes) + (" of memory" if in_memory else f" more in {where}")
    print(f"cache: {made.images} images take {taken}", flush=True)
    return made


def run_resume_advice(output_dir: str, resume: bool) -> str:
    """How to resume the run in `output_dir`, which was started with --resume or --noresume."""
    flagfile = shlex.quote(f"{output_dir}/{layout.FLAGS}")
    again = command("train", f"--flagfile={flagfile}")
    return f"resume by the same command, or by: {again}" if resume else f"resume by: {again} --resume"


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    output_dir = common_flags.required("output_dir")
    compute_config = compute_flags.given_compute_config()
    with stoppable(run_resume_advice(output_dir, values.resume)) as asked_to_stop:
        result = run(
            model=values.model or "cn14",
            output_dir=output_dir,
            recipe=values.recipe,
            seed=values.seed,
            initial=values.initial,
            data_splits=splits.given_splits(),
            changes=recipe_flags.given_changes(),
            crop_size=recipe_flags.given_crop(),
            fusion_order=values.fusion_order,
            cache=values.cache,
            resume=values.resume,
            checkpoint_policy=CheckpointPolicy(values.save_minutes, values.keep),
            deterministic=values.deterministic,
            compute_config=compute_config,
            **common_flags.given_dataset("streets"),
            given_flags=program.given_flags(),
            should_stop=asked_to_stop,
        )
    where = shlex.quote(output_dir)
    print(
        f"{_outcome(result)}, {result.minutes:.0f} minutes\n"
        f"network:     {result.network_path}\n"
        f"curves:      tensorboard --logdir={where}\n"
        f"evaluate it: {command('evaluate', f'--checkpoint={where}', f'--output_dir={where}')}\n"
        f"export it:   {command('export', f'--checkpoint={where}', f'--output_dir={where}')}"
    )


def _outcome(result: "TrainResult") -> str:
    if result.report is None:
        return f"trained without validation: the network of the last step, {result.steps}"
    return (
        f"best validation: mean IoU {100 * result.report.mean_iou:.2f} % at step {result.best_step} of {result.steps}"
    )


if __name__ == "__main__":
    program.run(main)
