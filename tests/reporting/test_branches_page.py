"""Figure 2 and the tables of the branches."""

import cv2
import numpy as np

from contextnet_tf.reporting.branches import BranchSample, borders_table, branches_figure, branches_page, classes_table
from contextnet_tf.runs.studies import BranchesRow, BranchesSection

SECTION = BranchesSection(
    "cn14", "best.keras", 101,
    (
        BranchesRow("context", 0.5, {"road": 0.9, "pole": None}, {"3": 0.25, "5": 0.3}, 0.75),
        BranchesRow("both", 0.6, {"road": 0.95, "pole": 0.125}, {"3": 0.5, "5": None}, 0.8),
    ),
    {"3": 0.125, "5": 0.25}, dataset="camvid", split="val",
)  # fmt: skip


def test_tables():
    assert borders_table(SECTION).splitlines() == [
        "|  | Mean IoU | Within 3 px | Within 5 px | Interior |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| context branch alone | 50.00 | 25.00 | 30.00 | 75.00 |",
        "| both branches | 60.00 | 50.00 | – | 80.00 |",
    ]
    assert classes_table(SECTION).splitlines()[2:] == ["| road | 90.0 | 95.0 |", "| pole | – | 12.5 |"]
    page = branches_page(SECTION)
    assert "at most 3, 5 pixels away (12.5, 25.0 % of the labeled pixels)" in page and classes_table(SECTION) in page


def test_the_figure_shows_the_colors_of_the_predictions():
    image = np.zeros((40, 60, 3), np.uint8)
    truth = np.full((40, 60), 255, np.uint8)
    predictions = {"context": np.zeros((40, 60), np.uint8), "both": np.ones((40, 60), np.uint8)}
    colors = [(200, 0, 100), (0, 150, 50)]
    drawn = []
    for labels in (truth, None):
        sample = BranchSample("street", image, predictions, labels)
        png = branches_figure([sample], ["road", "car"], colors)
        drawn.append(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1])
    for figure in drawn:
        areas = [(figure == color).all(axis=-1).mean() for color in colors]
        assert min(areas) > 0.1
    assert drawn[0].shape[1] > 1.2 * drawn[1].shape[1]  # without ground truth there is a column less
