"""Ablates the resolution of the context branch: at 1/8, 1/4 and 1/2 of the image's size (cn18, cn14, cn12).

The paper: section 3.2.1, Tables 4 and 5. Mean IoU on Cityscapes val 60.1, 65.9 and 68.7 %, at 21.0, 18.3 and 11.4
frames per second: a higher resolution is more accurate and slower, and thin and rare classes gain the most.

  python -m experiments.ablate_resolution --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/resolution
  python -m experiments.ablate_resolution --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

On CamVid with 60 epochs, two seeds are 6 runs of 15 minutes to an hour each on two cores. On Cityscapes with the
paper's recipe of 1000 epochs a run makes 3 million forward and backward passes at 1024 x 2048: use a GPU.

The table has the paper's figures beside ours, and the IoU of each class. With --runtime_dir, the folder of
`compare_runtime --models=cn18,cn14,cn12`, it has frames per second too. Rerun the same command to resume; run it
several times at once to share the work.
"""

from collections.abc import Sequence
from typing import Any

from contextnet_tf.runs.measurements import AblationSection
from experiments import ablation, program

ROWS = (
    ablation.paper_row("cn14, context at 1/4", "cn14"),
    ablation.paper_row("cn18, context at 1/8", "cn18"),
    ablation.paper_row("cn12, context at 1/2", "cn12"),
)
ABLATION = ablation.Ablation("ablate_resolution", "Resolution of the context branch", ROWS)

ablation.key_flags()


def run(**arguments: Any) -> AblationSection:
    """Trains what is missing and writes the table; the arguments are those of `ablation.run`."""
    return ablation.run(ABLATION, **arguments)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    ablation.run_from_flags(run, ABLATION)


if __name__ == "__main__":
    program.run(main)
