"""Ablates the number of branches: cn124 has a third branch, which sees the image at half its size.

The paper: section 3.2.1, "Multiple Branches", Tables 4 and 5. Mean IoU on Cityscapes val 65.9 % (cn14), 67.3 % (cn124)
and 68.7 % (cn12), at 18.3, 7.6 and 11.4 frames per second: a third branch adds accuracy, but cn12 has more of it and is
faster.

  python -m experiments.ablate_branches --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/branches
  python -m experiments.ablate_branches --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

On CamVid with 60 epochs, two seeds are 6 runs of 20 minutes to an hour each on two cores. On Cityscapes with the
paper's recipe of 1000 epochs a run makes 3 million forward and backward passes at 1024 x 2048: use a GPU.

The table has the paper's figures beside ours, and the IoU of each class. With --runtime_dir, the folder of
`compare_runtime --models=cn14,cn124,cn12`, it has frames per second too. Rerun the same command to resume; run it
several times at once to share the work.
"""

from collections.abc import Sequence
from typing import Any

from contextnet_tf.runs.measurements import AblationSection
from experiments import ablation, program

ROWS = (
    ablation.paper_row("cn14, two branches", "cn14"),
    ablation.paper_row("cn124, three branches", "cn124"),
    ablation.paper_row("cn12, two branches", "cn12"),
)
ABLATION = ablation.Ablation("ablate_branches", "Number of branches", ROWS)

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
