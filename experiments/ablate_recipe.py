"""Ablates the recipe "modern": trained with all parts, then without each, on several seeds.

The paper has no such table. A run of 60 epochs on CamVid took 30 and 53 minutes on two cores; each seed has 8 runs.

  python -m experiments.ablate_recipe --dataset=camvid --data_dir=DIR --epochs=60 --seeds=0,1 --output_dir=runs/ablation

Flags that change the recipe hold for every row; a row's own change takes precedence. Rerun the same command to resume;
run it several times at once to share the work: complete runs are not repeated. Prints the table and writes it as
ablation.md and ablation.png, and the figures as the section "ablation" of result.json. Differences are in points of
mean IoU on the validation split.
"""

from collections.abc import Sequence
from typing import Any

from contextnet_tf.runs.measurements import AblationSection
from experiments import ablation, program

ALL = "all parts"

# Each row leaves one part of the recipe out; the last adds one.
ROWS = (
    ablation.Row(ALL),
    ablation.Row("all pixels instead of hard ones", {"ohem_threshold": 1.0}),
    ablation.Row("without class-uniform samples", {"class_uniform_fraction": 0.0}),
    ablation.Row("without class weights", {"class_weight_exponent": 0.0}),
    ablation.Row("without averaged weights", {"ema_decay": 0.0}),
    ablation.Row("without statistics of their own", {"bn_recalibration_batches": 0}),
    ablation.Row("without weight decay", {"weight_decay": 0.0}),
    ablation.Row("with label smoothing 0.1", {"label_smoothing": 0.1}),
)
ABLATION = ablation.Ablation("ablate_recipe", "What each part of a recipe is worth", ROWS)

ablation.key_flags("model")


def run(**arguments: Any) -> AblationSection:
    """Trains what is missing and writes the table; the arguments are those of `ablation.run`."""
    return ablation.run(ABLATION, **arguments)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    ablation.run_from_flags(run, ABLATION)


if __name__ == "__main__":
    program.run(main)
