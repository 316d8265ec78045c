import math

import pytest

from contextnet_tf.reporting import tables
from contextnet_tf.runs.records import plain
from contextnet_tf.runs.results import Results

OURS = {  # as in result.json
    "model": {"name": "cn14", "parameters_folded": 846179, "multiply_adds": 5632000000},
    "dataset": {"name": "cityscapes", "split": "val"},
    "training": {"seed": 3, "epochs": 1000, "minutes": 61.34},
    "evaluation": {
        "dataset": "cityscapes",
        "split": "val",
        "mean_iou": 0.6587,
        "class_iou": {"road": 0.9684, "train": None, "bicycle": 0.6},
        "machine": {"processor": "Processor | 9", "cores": 2},
        "commit": "3e77e911abe46fb13203b196b16b4804b40653c6+changes",
    },
    "runtime": {"frames_per_second": 7.14, "size": [1024, 2048]},
}  # fmt: skip


def of(content):
    """The sections of a result.json of version 1."""
    return Results.from_json(plain(content), "result.json")


def test_a_row_a_run_written_out():
    assert tables.run_table({"ours": of(OURS), "nothing": Results()}) == (
        "| Run | Network | Dataset | Mean IoU % | Parameters | Multiply-adds | Frames/s | Image "
        "| Epochs | Minutes | Seed | Commit | Machine |\n"
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| ours | cn14 | Cityscapes, val | 65.9 | 846,179 | 5.63 G | 7.1 | 1024 × 2048 "
        "| 1000 | 61.3 | 3 | 3e77e911ab+changes | 2 x Processor \\| 9 |\n"
        "| nothing | – | –, – | – | – | – | – | – | – | – | – | – | – |\n"
    )


def test_classes_beside_the_paper_written_out():
    other = {"evaluation": {"mean_iou": math.nan, "class_iou": {"road": math.nan, "bicycle": 0.05}}}
    assert tables.class_table({"ours": of(OURS), "other": of(other)}, paper_rows=("cn14", "cn12")) == (
        "| Class | ours | other | paper, cn14 | paper, cn12 |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| road | 96.8 | – | 96.8 | 97.2 |\n"
        "| train | – | – | 57.1 | 63.7 |\n"
        "| bicycle | 60.0 | 5.0 | 64.6 | 67.8 |\n"
        "| **mean** | 65.9 | – | 65.9 | 68.7 |\n"
    )


def test_a_row_that_the_paper_lacks():
    with pytest.raises(KeyError, match="cn14-500"):
        tables.class_table({"ours": of(OURS)}, paper_rows=("cn14-500",))


def test_no_runs_give_a_table_without_rows():
    assert tables.class_table({}) == "| Class |\n| --- |\n| **mean** |\n"


def test_a_cell_cannot_break_the_table():
    assert tables.markdown_table(["a", "b"], [["x|y", "one\ntwo"]]) == (
        "| a | b |\n| --- | ---: |\n| x\\|y | one<br>two |\n"
    )


def test_aligned_keeps_empty_cells_at_the_edges():
    table = tables.markdown_table(["", "a", "b"], [["one", "1", "23"], ["", "456", ""]])
    assert tables.aligned(table).splitlines() == [
        "        a     b",
        "---  ----  ----",
        "one     1    23",
        "      456",
    ]
