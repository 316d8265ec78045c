"""Ablates the joint training of the branches: each branch trained alone, and their ensemble, beside cn14.

The paper: section 3.2.1, "ContextNet vs Ensemble Nets". Mean IoU on Cityscapes val: context branch 63.3 %, detail
branch 25.1 %, ensemble 60.3 %, cn14 65.9 % in Table 4 (66.9 by the text). The ensemble averages the soft-maxes.

  python -m experiments.ablate_ensemble --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/ensemble
  python -m experiments.ablate_ensemble --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

On CamVid with 60 epochs, two seeds are 6 runs of 10 to 40 minutes each on two cores; the ensembles are evaluated, not
trained. On Cityscapes with the paper's recipe of 1000 epochs a run makes 3 million forward and backward passes at
1024 x 2048: use a GPU.

Rerun the same command to resume; run it several times at once to share the work.
"""

from collections.abc import Sequence
from typing import Any

from contextnet_tf.analysis.ensemble import ensemble
from contextnet_tf.reporting import paper
from contextnet_tf.runs.measurements import AblationSection
from experiments import ablation, program

ROWS = (
    ablation.paper_row("cn14, branches trained jointly", "cn14"),
    ablation.Row("context branch", model="context-only", paper_mean_iou=paper.BRANCHES_ALONE["context-only"]),
    ablation.Row("detail branch", model="detail-only", paper_mean_iou=paper.BRANCHES_ALONE["detail-only"]),
    ablation.Row(
        "ensemble of the branches",
        paper_mean_iou=paper.ENSEMBLE,
        made_of=("context branch", "detail branch"),
        make=ensemble,
    ),
)
ABLATION = ablation.Ablation("ablate_ensemble", "Branches trained alone and their ensemble", ROWS)

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
