"""What Cityscapes' own program (cityscapesScripts, evalPixelLevelSemanticLabeling) says of predictions in files."""

import copy
import pathlib
from collections.abc import Sequence
from typing import Any
from unittest import mock

import numpy as np
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as program


def official_scores(folder: pathlib.Path, label_paths: Sequence[pathlib.Path]) -> dict[str, Any]:
    """Scores the label-id PNGs below `folder` against the label files; finds the partner of each by its name.

    The files of instances lie beside the label files. Where the program would end the process, this raises
    SystemExit.
    """
    settings = copy.copy(program.args)
    settings.quiet, settings.JSONOutput, settings.predictionPath = True, False, str(folder)
    # The program calls np.in1d, which NumPy 2.4 has removed for np.isin.
    with mock.patch.object(np, "in1d", np.isin, create=True):
        predictions = [program.getPrediction(settings, str(path)) for path in label_paths]
        return program.evaluateImgLists(predictions, list(map(str, label_paths)), settings)


def assert_same_scores(report, scores: dict[str, Any]) -> None:
    """Checks every figure of an `evaluation` Report over Cityscapes' classes with instances, to 1e-9."""
    for ours, theirs in (
        (report.class_iou, scores["classScores"]),
        (report.category_iou, scores["categoryScores"]),
        (report.instance_iou, scores["classInstScores"]),
        (report.category_instance_iou, scores["categoryInstScores"]),
    ):
        # Labels that it does not score are nan there, and left out here.
        for name, value in theirs.items():
            np.testing.assert_allclose(ours.get(name, np.nan), value, rtol=0, atol=1e-9, err_msg=name)
        assert set(ours) <= set(theirs)
    for ours, theirs in (
        (report.mean_iou, "averageScoreClasses"),
        (report.mean_category_iou, "averageScoreCategories"),
        (report.mean_instance_iou, "averageScoreInstClasses"),
        (report.mean_category_instance_iou, "averageScoreInstCategories"),
    ):
        np.testing.assert_allclose(ours, scores[theirs], rtol=0, atol=1e-9, err_msg=theirs)
