"""The program that measures the input pipeline."""

import json

from contextnet_tf.datasets.throughput import Cost
from experiments import benchmark_input


def test_a_data_set_is_measured_and_recorded(camvid_dir, call, tmp_path):
    called = call(
        benchmark_input, "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={tmp_path}", "--pictures=6",
        "--rounds=1", "--crop_height=64", "--crop_width=96",
    )  # fmt: skip
    assert called.status == 0
    assert called.out.startswith("crops of 64 x 96 (height x width)\n")
    results = json.loads((tmp_path / "result.json").read_text())
    measured = results["input"]["crops"]["64 x 96"]
    assert set(measured) == set(benchmark_input.ROWS) and measured["total"]["core_milliseconds"] > 0
    assert results["input"]["pictures"] == 6 and results["input"]["dataset"] == "camvid"
    assert results["input"]["rounds"] == 1 and results["machine"]["cores"] >= 1


def test_streets_are_drawn_where_no_data_set_is_named():
    costs = benchmark_input.run(pictures=2, rounds=1, crop_size=(32, 64), picture_size=(64, 128))
    assert list(costs) == ["32 x 64"] and costs["32 x 64"]["png"].core_milliseconds > 0


def test_more_pictures_than_there_are(camvid_dir, call):
    called = call(benchmark_input, "--dataset=camvid", f"--data_dir={camvid_dir}", "--pictures=7")
    assert called.status == 1
    assert called.err == "error: there are 6 training pictures; give --pictures=6 or less\n"


def test_table():
    costs = {name: Cost(5.0, 10.0) for name in benchmark_input.ROWS}
    costs |= {"png": Cost(2.5, 40.0), "total": Cost(20.0, 100.0), "scale_first": Cost(5.0, 35.0)}
    lines = benchmark_input.table(costs).splitlines()
    assert lines[2].split() == ["decode", "PNG,", "nothing", "else", "400.0", "40.0"]
    assert lines[6].split() == ["total", "50.0", "100.0"]
    # (100 - 40) / 40 and 35 / 10.
    assert "decoding PNG is 40 % of the total, all the rest 1.50 times as much" in lines[-1]
    assert "crop first is 3.5 times cheaper" in lines[-1]
