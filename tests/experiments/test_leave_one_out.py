"""Settings on held-out drives: what is trained, what is trained once only, and the table by hand."""

import json
import re

import numpy as np
import pytest
from tiny_network import TINY

from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.reporting.leave_one_out import leave_one_out_page, leave_one_out_table
from contextnet_tf.runs.results import read_results
from contextnet_tf.runs.studies import LeaveOneOutRow, LeaveOneOutSection
from experiments import evaluate, leave_one_out

ROWS = (leave_one_out.Setting("plain"), leave_one_out.Setting("jitter", {"color_jitter": 2.0}))

EXPONENT = leave_one_out.Setting("exponent", {"class_weight_exponent": 0.1})


def _run(camvid_dir, out, **more):
    arguments = {
        "drives": ["p0", "p1"],
        "table": ROWS,
        "recipe": "smoke",
        "changes": {"batch_size": 4},
        "model": TINY,
        **more,
    }
    return leave_one_out.run(output_dir=str(out), dataset="camvid", data_dir=str(camvid_dir), **arguments)


def test_every_row_is_trained_without_each_drive_once(camvid_dir, tmp_path, capsys):
    section = _run(camvid_dir, tmp_path)
    assert [row.name for row in section.rows] == ["plain", "jitter"] and section.drives == ("p0", "p1")
    runs = sorted(path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*/settings.json"))
    assert len(runs) == 4 and {run.partition("/")[0] for run in runs} == {"p0", "p1"}
    settings = json.loads((tmp_path / runs[0] / "settings.json").read_text())
    # Of p0 to p5 of train, and p0 and p1 of val.
    assert (settings["training_images"], settings["validation_images"]) == (6, 2)
    assert settings["splits"] == {"train": ["train", "val"], "val": "train+val, p0 held out", "holdout": ["p0"]}
    # One validation, after the last step.
    history = [json.loads(line) for line in (tmp_path / runs[0] / "history.jsonl").read_text().splitlines()]
    assert sum("val_mean_iou" in line for line in history) == 1
    for row in section.rows:
        assert all(len(row.mean_iou[drive]) == 1 for drive in section.drives)
    written = read_results(tmp_path).leave_one_out
    assert written == section and section.split == "train+val"
    assert "| plain |" in (tmp_path / "leave_one_out.md").read_text()
    # evaluate finds what a run held out, though it was not called by flags.
    assert read_results(tmp_path / runs[0]).flags["train"]["holdout"] == ["p0"]
    out = str(tmp_path / "evaluated")
    assert evaluate.run(checkpoint=str(tmp_path / runs[0]), output_dir=out).images == 2
    assert read_results(out).evaluation.split == "train+val, p0 held out"
    # Complete runs are not trained again.
    capsys.readouterr()
    before = {run: (tmp_path / run / "best.keras").stat().st_mtime_ns for run in runs}
    assert _run(camvid_dir, tmp_path).rows == section.rows
    assert {run: (tmp_path / run / "best.keras").stat().st_mtime_ns for run in runs} == before


def test_a_row_may_begin_with_trained_weights(camvid_dir, tmp_path):
    source = build_model(TINY, num_classes=11, input_shape=(None, None, 3), aux_head=True)
    source.save(tmp_path / "source.keras")
    initial = str(tmp_path / "source.keras")
    table = (leave_one_out.Setting("plain"), leave_one_out.Setting("pretrained", {"initial": initial}))
    section = _run(camvid_dir, tmp_path, table=table, changes={"batch_size": 4, "learning_rate": 1e-10})
    assert f"--initial={initial}" in leave_one_out_table(section)
    for name, equal in (("plain", False), ("pretrained", True)):
        trained = load_network(tmp_path / "p0" / f"{name}-seed0" / "best.keras")
        kernels = [network.get_layer("context_conv1").kernel.numpy() for network in (source, trained)]
        assert np.allclose(*kernels) is equal  # the learning rate is too low to change it


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"drives": ["p0"]}, "`drives` needs two or more different prefixes"),
        ({"drives": ["p0", "p0"]}, "`drives` needs two or more different prefixes"),
        ({"seeds": []}, "`seeds` is empty"),
        ({"drives": ["p0", "zz"]}, "`drives`: no name of the 8 examples begins with 'zz'"),
        ({"drives": ["p", "zz"]}, "`drives`: all 8 examples are held out"),
        ({"drives": ["p0", "p"]}, "`drives`: 'p' is a prefix of 'p0', so they share images"),
        ({"drives": ["p-0", "p_0"]}, "`drives`: 'p-0' and 'p_0' get the same folder"),
        ({"rows": [2]}, "`rows=2`: the rows are 0 to 1"),
        (
            {"changes": {"color_jitter": 2.0}},
            "row 1, jitter, trains the same as row 0, plain, here; leave it out by --r",
        ),
        (
            {"changes": {"class_weights": "enet"}, "table": (*ROWS, EXPONENT)},
            "row 2, exponent, trains the same as row 0, plain, here; leave it out by --rows=0,1",
        ),
        ({"table": (*ROWS, leave_one_out.Setting("wrong", {"ema_decay": 1.0}))}, "`ema_decay=1.0` is out of range"),
    ],
    ids=str,
)
def test_what_cannot_be(camvid_dir, tmp_path, monkeypatch, more, message):
    with pytest.raises(InputError, match=re.escape(message)):
        _run(camvid_dir, tmp_path / "out", **more)
    assert not list(tmp_path.glob("out/*/*/best.keras"))


def _section(**more):
    rows = (
        LeaveOneOutRow("plain", {}, {"a": (0.25, 0.35), "b": (0.4, 0.5)}, {"sky": 0.5, "car": None}),
        LeaveOneOutRow(
            "jitter", {"color_jitter": 3.0}, {"a": (0.5, 0.5), "b": (0.4, 0.45)}, {"sky": 0.75, "car": None}
        ),
    )
    recipe = {"name": "modern", "epochs": 30}
    return LeaveOneOutSection("cn14", recipe, {}, (0, 1), ("a", "b"), rows, dataset="camvid", split="train+val", **more)


def test_the_table_by_hand():
    # plain: 30 and 45, mean 37.5; seeds 32.5 and 42.5. jitter: 50 and 42.5, mean 46.25; seeds 45 and 47.5.
    assert leave_one_out_table(_section()).splitlines() == [
        "| Row | Flags | a | b | Mean | Difference | Worst | Standard deviation |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| plain |  | 30.00 | 45.00 | 37.50 |  |  | 7.07 |",
        "| jitter | --color_jitter=3.0 | 50.00 | 42.50 | 46.25 | +8.75 | -2.50 | 1.77 |",
    ]
    page = leave_one_out_page(_section())
    assert "cn14 on CamVid, splits train+val, 30 epochs of the recipe modern, seeds 0, 1;" in page
    assert "| sky | 50.0 | 75.0 |" in page and "| car | – | – |" in page


def test_a_row_without_a_figure_for_a_drive_is_refused():
    content = _section().to_json()
    assert LeaveOneOutSection.from_json(content, "result.json") == _section()
    del content["rows"][1]["mean_iou"]["b"]
    with pytest.raises(
        InputError, match=re.escape("rows[1].mean_iou does not have one value per seed for the drive b")
    ):
        LeaveOneOutSection.from_json(content, "result.json")
