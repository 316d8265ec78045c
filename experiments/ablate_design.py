"""Ablates the design choices of section 2.2.3 and the fusion unit: cn14, and cn14 with one choice changed.

The paper says in words, without figures: pyramid pooling after the context branch increases accuracy; a context branch
at higher resolution with asymmetric convolutions is less efficient than down-sampled input; class weights do not help
at batch size 16 or more; the auxiliary loss is beneficial; features are added since concatenation is slower (2.2.2).
The order in the fusion unit is Table 3's or ours.

  python -m experiments.ablate_design --dataset=camvid --data_dir=DIR --epochs=60 --output_dir=runs/design
  python -m experiments.ablate_design --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

Batches have 8 images in all rows but the last two, with every recipe; --batch_size sets another number for them.
Two seeds are 18 runs; --rows=1,4 trains some of them. On CamVid with 60 epochs, each takes 20 minutes to an hour on two
cores. Only the rows on class weights use class weights. The table shows efficiency as accuracy beside multiply-adds.
How ablations run, and what they share: the section "Ablations" of experiments/README.md.
"""

import dataclasses
from typing import Any

from contextnet_tf.models.spec import VARIANTS, ContextNetSpec
from experiments import ablation, program
from experiments.ablation_rows import Ablation, Row


def _cn14(name: str, **options: Any) -> ContextNetSpec:
    """cn14 with other options, under its own name."""
    return dataclasses.replace(VARIANTS["cn14"], name=f"cn14-{name}", **options)


ROWS = (
    Row("cn14", model="cn14"),
    # n of the levels: those of PSPNet, whose pooling module the paper cites.
    Row("pyramid pooling", model=_cn14("pyramid", pyramid_bins=(1, 2, 3, 6))),
    # The paper's kernel sizes are lost in its text; 5 is the smallest that reaches further than 3 x 3.
    Row("asymmetric 5 x 1, context at 1/2", model=_cn14("asymmetric", context_scale=2, asymmetric_kernel=5)),
    Row("concatenation in the fusion unit", model=_cn14("concatenate", fusion_merge="concatenate")),
    Row("upsampling last in the fusion unit", model=_cn14("upsample-last", fusion_order="upsample last")),
    Row("no auxiliary loss", {"aux_weight": 0.0}, model="cn14"),
    Row("class weights", {"class_weight_exponent": 0.5}, model="cn14"),
    Row("batch size 16", {"batch_size": 16}, model="cn14"),
    Row(
        "class weights at batch size 16",
        {"batch_size": 16, "class_weight_exponent": 0.5},
        model="cn14",
        against="batch size 16",
    ),
)
ABLATION = Ablation("ablate_design", "Design choices", ROWS, changes={"batch_size": 8, "class_weight_exponent": 0.0})

run, main = ablation.entry_points(ABLATION)

if __name__ == "__main__":
    program.run(main)
