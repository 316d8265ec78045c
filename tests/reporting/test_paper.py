"""A second reading of the paper: the rows below were copied from its text, not from the module."""

import ast
import inspect
import sys

import pytest

from contextnet_tf.datasets.labels import CITYSCAPES_LABELS
from contextnet_tf.reporting import paper

NAMES = "cn18 | cn14 | cn12 | cn124 | cn14-500 | cn14-160"
ACCURACY = "60.1 | 65.9 | 68.7 | 67.3 | 62.1 | 57.7"
FRAMES = "21.0 | 18.3 | 11.4 | 7.6 | 20.6 | 22.0"
PARAMETERS = "0.85 | 0.85 | 0.85 | 0.93 | 0.49 | 0.16"

TABLE_5 = (
    "cn18 | 96.2 | 72.4 | 87.4 | 45.9 | 44.1 | 32.1 | 38.4 | 54.3 | 87.9"
    " | 54.1 | 91.0 | 62.3 | 36.1 | 88.3 | 57.6 | 59.1 | 34.2 | 41.2 | 58.4\n"
    "cn14 | 96.8 | 76.6 | 88.6 | 46.4 | 49.7 | 38.0 | 45.3 | 60.5 | 89.0"
    " | 59.3 | 91.4 | 67.5 | 41.7 | 90.0 | 63.5 | 71.7 | 57.1 | 41.5 | 64.6\n"
    "cn12 | 97.2 | 78.9 | 89.2 | 47.2 | 54.4 | 39.5 | 55.3 | 63.8 | 89.4"
    " | 59.8 | 91.5 | 70.2 | 47.5 | 91.1 | 70.2 | 76.2 | 63.7 | 51.36 | 67.8\n"
    "cn124 | 97.4 | 79.6 | 89.5 | 44.1 | 49.8 | 45.5 | 50.6 | 64.6 | 90.2"
    " | 59.4 | 93.4 | 70.9 | 43.1 | 91.8 | 65.2 | 71.9 | 64.5 | 41.95 | 66.1\n"
)

TABLE_6 = """\
DeepLab-v2 [6]* | 70.4 | 86.4 | 44.__
PSPNet [7]* | 78.4 | 90.6 | 65.7_
SegNet [5] | 56.1 | 79.8 | 29.46
ENet [8] | 58.3 | 80.4 | 00.37
ICNet [9]* | 69.5 | - | 06.68
ERFNet [10] | 68.0 | 86.5 | 02.1_
ContextNet (Ours) | 66.1 | 82.7 | 00.85"""

TABLE_7 = """\
SegNet [5]* | 1.6 | - | -
ENet [8]* | 20.4 | 76.9 | 142.9
ICNet [9] | 14.2 | 46.3 | 83.2
ERFNet [10]* | 11.2 | 41.7 | 125.0
ContextNet (Ours) | 18.3 | 65.5 | 139.2
ContextNet (Ours) | 41.9 | 136.2 | 299.5"""


def cells(text):
    return [cell.strip() for cell in text.split("|")]


def number(text):
    return None if text == "-" else float(text.rstrip("_"))


def test_table_4():
    read = list(zip(cells(NAMES), *(map(float, cells(row)) for row in (ACCURACY, FRAMES, PARAMETERS))))
    printed = [(v.name, v.mean_iou, v.frames_per_second, v.million_parameters) for v in paper.TABLE_4]
    assert printed == read


def test_table_5():
    rows = [cells(row) for row in TABLE_5.splitlines()]
    assert {name: tuple(map(float, row)) for name, *row in rows} == paper.TABLE_5


def test_the_classes_of_table_5_stand_in_the_order_of_their_train_ids():
    rows = sorted((label.train_id, label.name) for label in CITYSCAPES_LABELS if label.train_id != 255)
    assert tuple(name for _, name in rows) == paper.TABLE_5_CLASSES


@pytest.mark.parametrize("name, mean", [("cn18", 60.1), ("cn14", 65.2), ("cn12", 68.7), ("cn124", 67.3)])
def test_the_means_of_table_5_are_the_accuracies_of_table_4_but_for_cn14(name, mean):
    assert abs(sum(paper.TABLE_5[name]) / 19 - mean) < 0.06
    assert (paper.variant(name).mean_iou == mean) == (name != "cn14")


def test_table_6():
    rows = [cells(row) for row in TABLE_6.split("\n")]
    read = [
        (name.split(" ")[0], name.endswith("*"), float(accuracy), number(category), number(parameters))
        for name, accuracy, category, parameters in rows
    ]
    printed = [
        (row.name, row.starred, row.class_mean_iou, row.category_mean_iou, row.million_parameters)
        for row in paper.TABLE_6
    ]
    assert printed == read


def test_table_7():
    rows = [cells(row) for row in TABLE_7.split("\n")]
    read = [(name.split(" ")[0], name.endswith("*"), *map(number, row)) for name, *row in rows]
    printed = [(row.name, row.starred, row.full, row.half, row.quarter) for row in paper.TABLE_7]
    assert printed == read
    assert [row.pipelined for row in paper.TABLE_7] == [False] * 5 + [True]


def test_figures_of_the_running_text():
    assert (paper.PARAMETERS_CN14_160, paper.PARAMETERS_CN14_500) == (159387, 490459)
    assert paper.BRANCHES_ALONE == {"context-only": 63.3, "detail-only": 25.1}
    assert (paper.ENSEMBLE, paper.ENSEMBLE_BELOW_CN14, paper.ENSEMBLE_BELOW_CONTEXT_BRANCH) == (60.3, 6.6, 3)
    assert paper.CN124_ABOVE_CN14 == 1.4
    assert (paper.PRUNING_BEFORE, paper.PRUNING_AFTER) == (64.2, 66.1)
    assert paper.PRUNING_WIDTHS == (2, 1.5, 1.25, 1)
    abstract = (66.1, 18.3, 41.9)
    assert abstract == (
        paper.ABSTRACT_MEAN_IOU,
        paper.ABSTRACT_FRAMES_PER_SECOND,
        paper.ABSTRACT_FRAMES_PER_SECOND_PIPELINED,
    )


def test_the_recipe_and_the_data_set():
    assert (paper.RMSPROP_DECAY, paper.RMSPROP_MOMENTUM, paper.RMSPROP_EPSILON) == (0.9, 0.9, 1)
    assert (paper.LEARNING_RATE, paper.LEARNING_RATE_POWER, paper.EPOCHS) == (0.045, 0.98, 1000)
    assert (paper.SCALES, paper.AUXILIARY_LOSS_WEIGHT) == ((0.5, 2), 0.4)
    assert (paper.CONTEXT_LAYERS, paper.CONTEXT_BOTTLENECKS, paper.DETAIL_LAYERS) == (38, 12, 4)
    assert paper.BATCH_SIZE_WITHOUT_CLASS_WEIGHTS == 16
    assert (paper.TRAIN_IMAGES, paper.VAL_IMAGES, paper.TEST_IMAGES) == (2975, 500, 1525)
    assert (paper.FINE_IMAGES, paper.COARSE_IMAGES, paper.ALL_IMAGES) == (5000, 20000, 25000)
    assert paper.CITIES == 50


def test_the_contradiction_about_cn14_is_kept_as_printed():
    assert round(paper.ENSEMBLE + paper.ENSEMBLE_BELOW_CN14, 1) == 66.9
    assert paper.variant("cn14").mean_iou == 65.9


def test_a_name_that_a_table_lacks():
    assert paper.variant("context-only") is None
    assert paper.class_iou("cn14-500") == {}
    assert paper.class_iou("cn12")["motorcycle"] == 51.36


def test_the_module_imports_the_standard_library_alone():
    tree = ast.parse(inspect.getsource(paper))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    assert imported <= set(sys.stdlib_module_names)
