"""Prunes a network progressively: trains it wide, then removes its weakest filters and fine-tunes, stage by stage.

The paper: section 3.2.2, "Network Pruning". cn14 is trained with twice its channels, then pruned to 1.5, 1.25 and 1
times its size: 66.1 % instead of 64.2 % mean IoU on Cityscapes' test set. The epochs of fine-tuning are not stated.

  python -m experiments.prune --dataset=camvid --data_dir=DIR --epochs=60 --fine_tune_epochs=20 --output_dir=runs/thin
  python -m experiments.prune --checkpoint=runs/wide --factors=1.5,1.25,1 --epochs=20 --output_dir=runs/pruning
  python -m experiments.prune --dataset=cityscapes --data_dir=DIR --recipe=paper --seeds=0 --output_dir=OUT

Every stage: the filters with the smallest L1 norm are removed, the batch-normalization statistics are recomputed on
training images, the network is evaluated, then fine-tuned and evaluated again. For comparison, a network of the last
width is trained directly, for as many epochs as all stages together. Writes pruning.md and the section "pruning" of
result.json. A run with twice the channels takes three to four times as long as one of cn14: on CamVid the first command
takes 3 to 6 hours per seed on two cores. Rerun the same command to resume. To share the work, run one process per seed
(--seeds=0, --seeds=1); the command with all seeds then writes the table.
"""

import dataclasses
import itertools
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from contextnet_tf.datasets.sources import Example, read_image
from contextnet_tf.datasets.sources.example import evenly_spread
from contextnet_tf.deployment.resizing import resize_image
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import spec_named
from contextnet_tf.models.spec import LARGEST_FACTOR, VARIANTS, ContextNetSpec
from contextnet_tf.presets import resolved
from contextnet_tf.reporting.pruning import pruning_note, pruning_page, pruning_table
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, read_results, update_results
from contextnet_tf.runs.studies import PruningRow, PruningSection
from contextnet_tf.training.recipe import get_recipe
from experiments import common_flags, opening, program, quietly, recipe_flags, splits, train  # noqa: F401  train: flags
from experiments.splits import Splits
from experiments.stopping import resume_advice, stoppable

if TYPE_CHECKING:
    import keras

    from contextnet_tf.evaluation.evaluate import Report

FRAMES, ROUNDS, WARM_UP = 4, 20, 2  # of the frame time

flags.DEFINE_float(
    "start_factor", 2.0, "Width factor of the network that is trained first, without --checkpoint.", 0.1,
    LARGEST_FACTOR,
)  # fmt: skip
flags.DEFINE_list("factors", ["1.5", "1.25", "1"], "Width factors to prune to, one after the other.")
flags.DEFINE_integer(
    "fine_tune_epochs",
    None,
    "Epochs of fine-tuning after each pruning. Default: as in the first training.",
    1,
    1_000_000,
)
flags.DEFINE_float(
    "fine_tune_learning_rate",
    None,
    "Peak learning rate of fine-tuning after each pruning. Default: as in the first training.",
    0,
    1000,
)
flags.DEFINE_bool(
    "directly", True, "Also train the last width from random weights, for as many epochs as all stages together."
)
common_flags.key_flags(
    *common_flags.DATASET_FLAGS, *splits.FLAGS, "output_dir", "cache", "crop_height", "crop_width", *recipe_flags.FLAGS,
    defaults={"recipe": "modern"},
    dataset=common_flags.dataset_text("the one recorded with the checkpoint, else streets"),
    model=f"ContextNet of width factor 1: {', '.join(VARIANTS)}. Default: cn14.",
    seeds="Seeds; all stages run once per seed.",
    rounds="Rounds of the latency measurement; medians are reported. Default: 20.",
    checkpoint="Trained network to prune: preset:NAME, the folder of a run (its best.keras) or a .keras file. "
    "Default: none, a network of --start_factor is trained first.",
)  # fmt: skip


@dataclasses.dataclass
class _Stage:
    """A row of the table: the folder of its network with the first seed, and its reports, one per seed."""

    name: str
    epochs: int | None
    path: pathlib.Path
    before: "list[Report]" = dataclasses.field(default_factory=list)
    after: "list[Report]" = dataclasses.field(default_factory=list)


def run(
    *,
    model: str | ContextNetSpec = "cn14",
    checkpoint: str | None = None,
    start_factor: float = 2.0,
    factors: Sequence[float] = (1.5, 1.25, 1.0),
    fine_tune_epochs: int | None = None,
    fine_tune_learning_rate: float | None = None,
    directly: bool = True,
    seeds: Sequence[int] = (0, 1),
    recipe: str | None = None,
    changes: Mapping[str, Any] | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    class_table: dict[str, Any] | None = None,
    data_splits: Splits = Splits(),
    crop_size: tuple[int, int] | None = None,
    output_dir: str,
    rounds: int = ROUNDS,
    given_flags: dict[str, Any] | None = None,
    **settings: Any,
) -> PruningSection:
    """Trains, prunes and fine-tunes what is missing; returns the section "pruning". The arguments are the flags.

    `settings` are further arguments of `train.run`; `recipe` None is "modern". `dataset`, `data_dir` and `class_table`
    None: those that the result.json beside the checkpoint names, otherwise the synthetic scenes.

    Raises:
      InputError: there are no seeds or factors; `checkpoint` is not a ContextNet at least as wide as the first factor,
        or was trained for an unknown number of epochs and `directly` is set; and what `train.run` raises.
    """
    from experiments.pruning_runs import PruningRuns

    provenance = current_provenance()
    data_splits.require_validation()
    if not seeds or not factors:
        raise InputError("--seeds and --factors need at least one value each")
    widths = [*([] if checkpoint else [start_factor]), *factors]
    if any(later > earlier for earlier, later in itertools.pairwise(widths)) or len(set(factors)) < len(factors):
        raise InputError(
            f"--factors={','.join(f'{factor:g}' for factor in factors)}: each must be smaller than the one before"
            + ("" if checkpoint else f", the first at most --start_factor={start_factor:g}")
        )
    base = model if isinstance(model, ContextNetSpec) else spec_named(model)
    targets = [base.widened(factor) for factor in factors]
    wide = base.widened(start_factor)
    changes = dict(changes or {})
    used_recipe = recipe_flags.changed(get_recipe(recipe or "modern"), changes)
    fine_tuning = {"epochs": fine_tune_epochs, "learning_rate": fine_tune_learning_rate}
    if fine_tune_learning_rate == 0:  # refused here, as the first fine-tuning may come after hours
        raise InputError("`fine_tune_learning_rate=0` is out of range; it must be more than 0")
    fine_tuning = {name: value for name, value in fine_tuning.items() if value is not None}
    start = pathlib.Path(resolved(checkpoint)) if checkpoint else None
    recorded_in = opening.recording_dirs(opening.checkpoint_file(start)) if start else ()
    description, data_dir = opening.find_dataset(
        dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=recorded_in, default="streets"
    )
    first_epochs = _recorded_epochs(start, directly) if start else used_recipe.epochs
    stage_epochs = fine_tune_epochs or used_recipe.epochs
    all_epochs = (first_epochs or 0) + len(targets) * stage_epochs
    folder = ensure_updatable(output_dir)
    data = (description.name, data_dir, description.class_table, data_splits, crop_size)
    runs = [PruningRuns(folder, seed, used_recipe, changes, fine_tuning, *data, settings) for seed in seeds]
    first = _Stage(
        load_network(start).name if start else wide.name, first_epochs, start or runs[0].path(wide, "trained")
    )
    stages = [_Stage(target.name, stage_epochs, runs[0].path(target, "fine-tuned")) for target in targets]
    direct = _Stage(targets[-1].name, all_epochs, runs[0].path(targets[-1], "directly"))
    if start:
        first.after = [runs[0].evaluated(start, folder)] * len(seeds)
    for own in runs:
        source = start or own.path(wide, "trained")
        if not start:
            first.after.append(own.trained(wide, "trained"))
        for target, stage in zip(targets, stages, strict=True):
            before, after = own.stage(source, target)
            stage.before.append(before)
            stage.after.append(after)
            source = own.path(target, "fine-tuned")
        if directly:
            direct.after.append(own.trained(targets[-1], "directly", epochs=all_epochs))
    networks = [load_network(stage.path) for stage in (first, *stages)]
    frames = _frames(networks, data_splits.examples(description, data_dir)[1])
    size = frames.shape[1:3]
    times = _milliseconds(networks, frames, rounds)
    rows = [
        _row(stage, network, size, milliseconds)
        for stage, network, milliseconds in zip((first, *stages), networks, times, strict=True)
    ]
    section = PruningSection(
        model=base.name,
        images=stages[0].after[0].images,
        recipe=used_recipe.to_json(),
        given=changes,
        fine_tuning=fine_tuning,
        seeds=tuple(seeds),
        size=size,
        rows=tuple(rows),
        directly=_row(direct, networks[-1], size, times[-1]) if directly else None,
        dataset=description.name,
        split=data_splits.label,
        provenance=provenance,
    )
    with atomic_write(folder / "pruning.md") as temporary:
        temporary.write_text(pruning_page(section), encoding="utf-8")
    update_results(folder, section, flags={"prune": given_flags or {}})
    return section


def _recorded_epochs(start: pathlib.Path, required: bool) -> int | None:
    """The epochs that the network in the run folder `start` was trained for; None if unknown and not `required`."""
    training = read_results(start if start.is_dir() else start.parent, missing_ok=True).training
    if training is None and required:
        raise InputError(f"{start}: no result.json says for how many epochs it was trained; add --nodirectly")
    return training and training.epochs


def _row(stage: _Stage, network: "keras.Model", size: tuple[int, int], milliseconds: float) -> PruningRow:
    from contextnet_tf.analysis.complexity import count_multiply_adds, count_parameters

    return PruningRow(
        name=stage.name,
        parameters=count_parameters(network),
        multiply_adds=count_multiply_adds(network, size),
        milliseconds=milliseconds,
        epochs=stage.epochs,
        mean_iou=tuple(report.mean_iou for report in stage.after),
        mean_iou_before=tuple(report.mean_iou for report in stage.before),
    )


def _frames(networks: "Sequence[keras.Model]", examples: Sequence[Example]) -> np.ndarray:
    """Images of the examples, uint8 [FRAMES, H, W, 3], enlarged to a size that all networks accept."""
    from contextnet_tf.models.inputs import padded_size
    from contextnet_tf.models.sizes import size_multiple

    height, width, _ = read_image(examples[0].image_path).shape
    size = padded_size((height, width), max(map(size_multiple, networks)))
    return np.stack([resize_image(read_image(x.image_path), size, 1) for x in evenly_spread(examples, FRAMES)])


def _milliseconds(networks: "Sequence[keras.Model]", frames: np.ndarray, rounds: int) -> list[float]:
    """The median latency of a frame for each network, in LiteRT float32 on one thread, in interleaved rounds."""
    from contextnet_tf.benchmarking.comparison import Case, Comparison
    from contextnet_tf.benchmarking.runtimes.registry import REFERENCE
    from contextnet_tf.deployment.network import folded_at_size

    with tempfile.TemporaryDirectory(prefix="pruning") as folder:
        comparison = Comparison(pathlib.Path(folder), frames)
        for number, network in enumerate(networks):
            with quietly():  # converters print messages
                comparison.add(folded_at_size(network, frames.shape[1:3]), [Case(f"stage{number}", REFERENCE, 1)])
        rows, _ = comparison.run(rounds=rounds, warm_up=WARM_UP, on_start=lambda samples: None, on_sample=lambda: None)
    return [row.milliseconds_median for row in rows]


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    if values.checkpoint and common_flags.given("start_factor"):
        raise InputError("--start_factor has no effect with --checkpoint, which is the first network; leave one out")
    with stoppable(resume_advice("prune")) as asked_to_stop:
        section = run(
            model=values.model or "cn14",
            checkpoint=values.checkpoint,
            start_factor=values.start_factor,
            factors=_factors(values.factors),
            fine_tune_epochs=values.fine_tune_epochs,
            fine_tune_learning_rate=values.fine_tune_learning_rate,
            directly=values.directly,
            seeds=common_flags.whole_numbers("seeds"),
            data_splits=splits.given_splits(),
            recipe=common_flags.given("recipe"),
            changes=recipe_flags.given_changes(),
            output_dir=common_flags.required("output_dir"),
            rounds=values.rounds or ROUNDS,
            crop_size=recipe_flags.given_crop(),
            cache=values.cache,
            **common_flags.given_dataset(),
            given_flags=program.given_flags(),
            should_stop=asked_to_stop,
        )
    print(f"\n{pruning_note(section)}\n{aligned(pruning_table(section))}", end="")


def _factors(texts: Sequence[str]) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise InputError(f"--factors={','.join(texts)}: give numbers, for example --factors=1.5,1.25,1") from None


if __name__ == "__main__":
    program.run(main)
