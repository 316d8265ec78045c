"""Trains ContextNet and the other networks of Table 6 alike; compares class and category mean IoU, and parameters.

The paper: Table 6, Cityscapes' test server: class and category mean IoU of ContextNet 66.1 and 82.7 %, ENet 58.3 and
80.4, ICNet 69.5, ERFNet 68.0 and 86.5, SegNet 56.1 and 79.8, DeepLab v2 70.4 and 86.4, PSPNet 78.4 and 90.6. Some of
them were pre-trained by their authors; here all start from random weights, and the figures are of the validation split.

  python -m experiments.compare_accuracy --dataset=camvid --data_dir=DIR --epochs=60 --rows=1,2,3 --output_dir=runs/all
  python -m experiments.compare_accuracy --dataset=cityscapes --data_dir=DIR --recipe=paper --output_dir=OUT

By multiply-adds, a run of ENet takes 3 times as long as one of cn14, ICNet 5, ERFNet 19, SegNet 231, DeepLab v2 259 and
PSPNet 372 times: rows 4 to 6 need a GPU. For frames per second give --runtime_dir. How ablations run, and what they
share: the section "Ablations" of experiments/README.md.
"""

from contextnet_tf.reporting import paper
from experiments import ablation, program
from experiments.ablation_rows import Ablation, Row


def _row(model: str, printed: paper.Accuracy, speeds: list[paper.Runtime]) -> Row:
    return Row(
        printed.name,
        model=model,
        paper_mean_iou=printed.class_mean_iou,
        paper_category_iou=printed.category_mean_iou,
        paper_million_parameters=printed.million_parameters,
        paper_frames_per_second=speeds[0].full if speeds else None,
    )


# Table 6's ContextNet is cn14. The cheapest system comes first.
ROWS = (
    _row("cn14", paper.accuracy("contextnet"), paper.runtimes("cn14")),
    *(
        _row(name, paper.accuracy(name), paper.runtimes(name))
        for name in ("enet", "icnet", "erfnet", "segnet", "deeplab_v2", "pspnet")
    ),
)
ABLATION = Ablation("compare_accuracy", "ContextNet beside other systems", ROWS)

run, main = ablation.entry_points(ABLATION)

if __name__ == "__main__":
    program.run(main)
