"""Ablates the recipe "modern": trained with all parts, then without each, on several seeds.

The paper has no such table. A run of 60 epochs on CamVid took 30 and 53 minutes on two cores; each seed has 8 runs.

  python -m experiments.ablate_recipe --dataset=camvid --data_dir=DIR --epochs=60 --seeds=0,1 --output_dir=runs/ablation

How ablations run, and what they share: the section "Ablations" of experiments/README.md.
"""

from experiments import ablation, program
from experiments.ablation_rows import Ablation, Row

ALL = "all parts"

# Each row leaves one part of the recipe out; the last adds one.
ROWS = (
    Row(ALL),
    Row("all pixels instead of hard ones", {"ohem_threshold": 1.0}),
    Row("without class-uniform samples", {"class_uniform_fraction": 0.0}),
    Row("without class weights", {"class_weight_exponent": 0.0}),
    Row("without EMA", {"ema_decay": 0.0}),
    Row("without statistics of their own", {"bn_recalibration_batches": 0}),
    Row("without weight decay", {"weight_decay": 0.0}),
    Row("with label smoothing 0.1", {"label_smoothing": 0.1}),
)
ABLATION = Ablation("ablate_recipe", "What each part of a recipe is worth", ROWS)

run, main = ablation.entry_points(ABLATION, "model")

if __name__ == "__main__":
    program.run(main)
