"""Ablates the joint training of the branches: each branch trained alone, and their ensemble, beside cn14.

The paper: section 3.2.1, "ContextNet vs Ensemble Nets". Mean IoU on Cityscapes val: context branch 63.3 %, detail
branch 25.1 %, ensemble 60.3 %, cn14 65.9 % in Table 4 (66.9 by the text). The ensemble averages the soft-maxes.

  python -m experiments.ablate_ensemble --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/ensemble
  python -m experiments.ablate_ensemble --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

Two seeds are 6 runs; on CamVid with 60 epochs, each takes 10 to 40 minutes on two cores. The ensembles are evaluated,
not trained. The section "Ablations" of experiments/README.md describes how ablations run and what they share.
"""

import contextnet_tf as cn
from contextnet_tf.reporting import paper
from experiments import ablation, program
from experiments.ablation_rows import Ablation, Row, paper_row

ROWS = (
    paper_row("cn14, branches trained jointly", "cn14"),
    Row("context branch", model="context-only", paper_mean_iou=paper.BRANCHES_ALONE["context-only"]),
    Row("detail branch", model="detail-only", paper_mean_iou=paper.BRANCHES_ALONE["detail-only"]),
    Row(
        "ensemble of the branches",
        paper_mean_iou=paper.ENSEMBLE,
        made_of=("context branch", "detail branch"),
        make=lambda networks: cn.ensemble(networks),  # found when it is called: it loads TensorFlow
    ),
)
ABLATION = Ablation("ablate_ensemble", "Branches trained alone and their ensemble", ROWS)
run, main = ablation.entry_points(ABLATION)

if __name__ == "__main__":
    program.run(main)
