"""Measures what each part of the recipe "modern" is worth: trained with all parts, then without each, on some seeds.

The paper has no such table. A run of 60 epochs on CamVid takes 20 to 40 minutes on two cores; there are 8 for each
seed.

  python -m experiments.ablate_recipe --dataset=camvid --data_dir=DIR --epochs=60 --seeds=0,1 --output_dir=runs/ablation

The flags that change a recipe hold for every row; a row's own change wins. Each run has its own folder in
--output_dir and goes on where it was interrupted; runs that are there already are not made again, so that seeds can be
added later. Prints the table, writes it as ablation.md and the figures as the section "ablation" of result.json.
Differences are in points of mean IoU on the validation split.

The same command may run several times at once and shares the work: two processes of one thread each (on Linux
`taskset --cpu-list 0 python -m ...` and `taskset --cpu-list 1 python -m ...`) do more than one process of two. Each
makes what no other has begun. One that finds nothing left but what another is making ends with a line that says so;
the last writes the table.
"""

import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from absl import flags

from contextnet_tf.errors import InputError, InUseError, Stopped
from contextnet_tf.files import atomic_write, ensure_writable_dir
from contextnet_tf.reporting.ablation import ALL, ablation_note, ablation_page, ablation_table
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.measurements import AblationRow, AblationSection
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.training.recipe import Recipe, get_recipe
from experiments import program, recipe_flags, train
from experiments.stopping import StopSignals

# What is done without, by the flags of a recipe that leave it out. The last is one part more.
ROWS: dict[str, dict[str, Any]] = {
    ALL: {},
    "all pixels instead of hard ones": {"ohem_threshold": 1.0},
    "without class-uniform samples": {"class_uniform_fraction": 0.0},
    "without class weights": {"class_weight_exponent": 0.0},
    "without averaged weights": {"ema_decay": 0.0},
    "without statistics of their own": {"bn_recalibration_batches": 0},
    "without weight decay": {"weight_decay": 0.0},
    "with label smoothing 0.1": {"label_smoothing": 0.1},
}

flags.DEFINE_list("seeds", ["0", "1"], "Seeds, each a run of every row.")
flags.DEFINE_list("rows", None, "Only these rows by their numbers; 0, all parts, is always made. Default: all.")
program.key_flags(
    "model", *program.DATASET_FLAGS, "output_dir", "cache", "crop_height", "crop_width", *recipe_flags.FLAGS
)


def run(
    *,
    output_dir: str,
    seeds: Sequence[int] = (0, 1),
    rows: Sequence[int] | None = None,
    recipe: str = "modern",
    changes: Mapping[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> AblationSection:
    """Trains what is not there yet; returns the section "ablation". `changes`, for all rows, and `settings` are those
    of `train.run`.

    Raises:
      InputError: there are no seeds, a row has no such number or changes nothing; and what `train.run` raises.
      InUseError: there is nothing left to do but what another process is doing.
      Stopped: `should_stop` said so.
    """
    if not seeds:
        raise InputError("--seeds names none; two or more tell a difference from noise")
    changes = changes or {}
    used_recipe = recipe_flags.changed(get_recipe(recipe), changes)
    chosen = _chosen_rows(rows, used_recipe)
    folder = ensure_writable_dir(output_dir)

    def mean_iou(name: str, seed: int) -> float:
        out = _folder_of_run(folder, name, seed)
        print(f"{name}, seed {seed}: {out}", flush=True)
        keras.backend.clear_session()  # the run before would stay in memory
        # Of a run that is complete, this measures the network again, and refuses one with other settings.
        result = train.run(
            output_dir=str(out), recipe=recipe, changes={**changes, **ROWS[name]}, seed=seed, should_stop=should_stop,
            **settings,
        )  # fmt: skip
        return result.report.mean_iou

    # Seed by seed: a table of one seed is worth more than half the rows of two.
    found = _shared([(name, seed) for seed in seeds for name in chosen], mean_iou)
    trained = read_results(_folder_of_run(folder, ALL, seeds[0]))
    section = AblationSection(
        model=trained.model.name,
        images=trained.dataset.images,
        recipe=used_recipe.to_json(),
        given=dict(changes),
        seeds=tuple(seeds),
        rows=tuple(AblationRow(name, ROWS[name], tuple(found[name, seed] for seed in seeds)) for name in chosen),
        dataset=trained.dataset.name,
        split=trained.dataset.split,
        provenance=current_provenance(),
    )
    with atomic_write(folder / "ablation.md") as temporary:
        temporary.write_text(ablation_page(section), encoding="utf-8")
    update_results(output_dir, section, flags={"ablate_recipe": given_flags or {}})
    return section


def _shared(runs: Sequence[tuple[str, int]], make: Callable[[str, int], float]) -> dict[tuple[str, int], float]:
    """What `make` gives for each of `runs`. Those that another process is making come at the end once more."""
    found, passed_over = {}, []
    for run_of_row in runs:
        try:
            found[run_of_row] = make(*run_of_row)
        except InUseError:
            print("passed over for now: another process trains it", flush=True)
            passed_over.append(run_of_row)
    return found | {run_of_row: make(*run_of_row) for run_of_row in passed_over}


def _chosen_rows(numbers: Sequence[int] | None, recipe: Recipe) -> list[str]:
    """The names of the rows that `numbers` say, `ALL` first; `recipe` is that of `ALL`."""
    names = list(ROWS)
    wrong = [number for number in numbers or () if not 0 <= number < len(names)]
    if wrong:
        raise InputError(f"--rows={wrong[0]}: the rows are 0 to {len(names) - 1}")
    numbers = range(len(names)) if numbers is None else sorted({0, *numbers})
    idle = [number for number in numbers if number and recipe_flags.changed(recipe, ROWS[names[number]]) == recipe]
    if idle:
        others = ",".join(str(number) for number in numbers if number not in idle)
        raise InputError(f"row {idle[0]}, {names[idle[0]]}, changes nothing here; leave it out by --rows={others}")
    return [names[number] for number in numbers]


def _folder_of_run(folder: pathlib.Path, name: str, seed: int) -> pathlib.Path:
    return folder / f"{re.sub('[^a-z0-9]+', '-', name)}-seed{seed}"


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    with StopSignals() as signals:
        try:
            section = run(
                output_dir=program.required("output_dir"),
                seeds=program.whole_numbers("seeds"),
                rows=program.whole_numbers("rows") if values.rows else None,
                model=values.model or "cn14",
                dataset=values.dataset or "streets",
                data_dir=values.data_dir,
                changes=recipe_flags.given_changes(),
                crop_size=program.given_size("crop_height", "crop_width"),
                cache=values.cache,
                class_table=program.given_class_table(),
                given_flags=program.given_flags(),
                should_stop=signals.asked,
            )
        except Stopped as stopped:
            print(f"{stopped}; the same command goes on: {shlex.join(sys.argv)}", file=sys.stderr)
            sys.exit(signals.exit_status)
    print(f"\n{ablation_note(section)}\n{aligned(ablation_table(section))}", end="")


if __name__ == "__main__":
    program.run(main)
