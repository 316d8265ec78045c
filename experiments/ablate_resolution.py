"""Ablates the resolution of the context branch: at 1/8, 1/4 and 1/2 of the image's size (cn18, cn14, cn12).

The paper: section 3.2.1, Tables 4 and 5. Mean IoU on Cityscapes val 60.1, 65.9 and 68.7 %, at 21.0, 18.3 and 11.4
frames per second: a higher resolution is more accurate and slower, and thin and rare classes gain the most.

  python -m experiments.ablate_resolution --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/resolution
  python -m experiments.ablate_resolution --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

Two seeds are 6 runs; on CamVid with 60 epochs, each takes 15 minutes to an hour on two cores. How ablations run, and
what they share: the section "Ablations" of experiments/README.md.
"""

from experiments import ablation, program
from experiments.ablation_rows import Ablation, paper_row

ROWS = (
    paper_row("cn14, context at 1/4", "cn14"),
    paper_row("cn18, context at 1/8", "cn18"),
    paper_row("cn12, context at 1/2", "cn12"),
)
ABLATION = Ablation("ablate_resolution", "Resolution of the context branch", ROWS)
run, main = ablation.entry_points(ABLATION)

if __name__ == "__main__":
    program.run(main)
