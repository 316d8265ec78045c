"""Measures what each part of the recipe "modern" is worth: trained with all parts, then without each, on some seeds.

The paper has no such table. A run of 60 epochs on CamVid takes 20 to 40 minutes on two cores; there are 8 for each
seed.

  python -m experiments.ablate_recipe --dataset=camvid --data_dir=DIR --epochs=60 --seeds=0,1 --output_dir=runs/ablation

Each run has its own folder in --output_dir and goes on where it was interrupted; runs that are there already are not
made again, so that seeds can be added later. Prints the table, writes it as ablation.md and the figures as the section
"ablation" of result.json. Differences are in points of mean IoU on the validation split.
"""

import re
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
from absl import flags

from contextnet_tf.errors import InputError, Stopped
from contextnet_tf.files import make_folder, replacing_file
from contextnet_tf.reporting.ablation import ALL, ablation_table
from contextnet_tf.reporting.results import environment, update_results
from contextnet_tf.reporting.tables import aligned
from experiments import program, train
from experiments.stopping import StopSignals

# What is done without, by the arguments of `train.run` that leave it out. The last is one part more.
ROWS: dict[str, dict[str, Any]] = {
    ALL: {},
    "all pixels instead of hard ones": {"hard_below": 1.0},
    "without class-uniform samples": {"class_uniform": 0.0},
    "without class weights": {"class_balance": 0.0},
    "without averaged weights": {"averaging": 0.0},
    "without statistics of their own": {"statistics_batches": 0},
    "without weight decay": {"weight_decay": 0.0},
    "with label smoothing 0.1": {"label_smoothing": 0.1},
}

flags.DEFINE_list("seeds", ["0", "1"], "Seeds, each a run of every row.")
flags.DEFINE_list("rows", None, "Only these rows by their numbers; 0, all parts, is always made. Default: all.")
program.key_flags("model", *program.DATASET_FLAGS, "output_dir", "epochs", "cache", "crop_height", "crop_width")


def run(
    *,
    output_dir: str,
    seeds: Sequence[int] = (0, 1),
    rows: Sequence[int] | None = None,
    recipe: str = "modern",
    given_flags: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> dict[str, list[float]]:
    """Trains what is not there yet; returns mean IoU by row, a figure a seed. `settings` are those of `train.run`.

    Raises:
      InputError: there are no seeds, or a row has no such number; and what `train.run` raises.
      Stopped: `should_stop` said so.
    """
    if not seeds:
        raise InputError("--seeds names none; two or more tell a difference from noise")
    names = list(ROWS)
    wrong = [number for number in rows or () if not 0 <= number < len(names)]
    if wrong:
        raise InputError(f"--rows={wrong[0]}: the rows are 0 to {len(names) - 1}")
    chosen = names if rows is None else [names[number] for number in sorted({0, *rows})]
    folder = make_folder(output_dir)
    found = {name: [] for name in chosen}
    # Seed by seed: a table of one seed is worth more than half the rows of two.
    for seed in seeds:
        for name in chosen:
            out = folder / f"{re.sub('[^a-z0-9]+', '-', name)}-seed{seed}"
            print(f"{name}, seed {seed}: {out}", flush=True)
            keras.backend.clear_session()  # the run before would stay in memory
            # Of a run that is complete, this measures the network again, and refuses one with other settings.
            result = train.run(
                output_dir=str(out), recipe=recipe, seed=seed, should_stop=should_stop, **(settings | ROWS[name])
            )
            found[name].append(result.report.mean_iou)
    with replacing_file(folder / "ablation.md") as temporary:
        temporary.write_text(ablation_table(found, seeds), encoding="utf-8")
    section = {"seeds": list(seeds), "mean_iou": found}
    update_results(output_dir, ablation=section, flags={"ablate_recipe": given_flags or {}}, **environment())
    return found


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    seeds = program.whole_numbers("seeds")
    with StopSignals() as signals:
        try:
            found = run(
                output_dir=program.required("output_dir"),
                seeds=seeds,
                rows=program.whole_numbers("rows") if values.rows else None,
                model=values.model or "cn14",
                dataset=values.dataset or "streets",
                data_dir=values.data_dir,
                epochs=values.epochs,
                crop_size=program.given_size("crop_height", "crop_width"),
                cache=values.cache,
                definition=program.given_definition(),
                given_flags=program.given_flags(),
                should_stop=signals.asked,
            )
        except Stopped as stopped:
            print(f"{stopped}; the same command goes on: {shlex.join(sys.argv)}", file=sys.stderr)
            sys.exit(signals.exit_status)
    print(aligned(ablation_table(found, seeds)), end="")


if __name__ == "__main__":
    program.run(main)
