"""Ablates the number of parameters: cn14 with 0.85 million, and with fewer channels 0.49 and 0.16 million.

The paper: section 3.2.1, "Number of Parameters", Table 4. Mean IoU on Cityscapes val 65.9, 62.1 and 57.7 %, at 18.3,
20.6 and 22.0 frames per second: a fifth of the parameters costs 8.2 points.

  python -m experiments.ablate_parameters --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/parameters
  python -m experiments.ablate_parameters --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

On CamVid with 60 epochs, two seeds are 6 runs of 15 to 40 minutes each on two cores. On Cityscapes with the paper's
recipe of 1000 epochs a run makes 3 million forward and backward passes at 1024 x 2048: use a GPU.

The table has the paper's figures beside ours, and the IoU of each class. With --runtime_dir, the folder of
`compare_runtime --models=cn14,cn14-500,cn14-160`, it has frames per second too. Rerun the same command to resume; run
it several times at once to share the work.
"""

from collections.abc import Sequence
from typing import Any

from contextnet_tf.runs.measurements import AblationSection
from experiments import ablation, program

ROWS = (
    ablation.paper_row("cn14", "cn14"),
    ablation.paper_row("cn14-500", "cn14-500"),
    ablation.paper_row("cn14-160", "cn14-160"),
)
ABLATION = ablation.Ablation("ablate_parameters", "Number of parameters", ROWS)

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
