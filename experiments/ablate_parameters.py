"""Ablates the number of parameters: cn14 with 0.85 million, and with fewer channels 0.49 and 0.16 million.

The paper: section 3.2.1, "Number of Parameters", Table 4. Mean IoU on Cityscapes val 65.9, 62.1 and 57.7 %, at 18.3,
20.6 and 22.0 frames per second: a fifth of the parameters costs 8.2 points.

  python -m experiments.ablate_parameters --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/parameters
  python -m experiments.ablate_parameters --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

Two seeds are 6 runs; on CamVid with 60 epochs, each takes 15 to 40 minutes on two cores. The section "Ablations" of
experiments/README.md describes how they run and what they share.
"""

from experiments import ablation, program
from experiments.ablation_rows import Ablation, paper_row

ROWS = tuple(paper_row(name, name) for name in ("cn14", "cn14-500", "cn14-160"))
ABLATION = Ablation("ablate_parameters", "Number of parameters", ROWS)
run, main = ablation.entry_points(ABLATION)

if __name__ == "__main__":
    program.run(main)
