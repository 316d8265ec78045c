"""Ablates the number of branches: cn124 has a third branch, which sees the image at half its size.

The paper: section 3.2.1, "Multiple Branches", Tables 4 and 5. Mean IoU on Cityscapes val 65.9 % (cn14), 67.3 % (cn124)
and 68.7 % (cn12), at 18.3, 7.6 and 11.4 frames per second: a third branch adds accuracy, but cn12 is both more accurate
and faster. The paper does not describe the third branch; with ours, cn124 is the faster one.

  python -m experiments.ablate_branches --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/branches
  python -m experiments.ablate_branches --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

Two seeds are 6 runs, of which `ablate_resolution` has 4. On CamVid with 60 epochs, each takes 20 minutes to an hour on
two cores. The section "Ablations" of experiments/README.md describes how they run and what they share.
"""

from experiments import ablation, program
from experiments.ablation_rows import Ablation, paper_row

ROWS = (
    paper_row("cn14, two branches", "cn14"),
    paper_row("cn124, three branches", "cn124"),
    paper_row("cn12, two branches", "cn12"),
)
ABLATION = Ablation("ablate_branches", "Number of branches", ROWS)
run, main = ablation.entry_points(ABLATION)

if __name__ == "__main__":
    program.run(main)
