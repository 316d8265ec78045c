"""What the input pipeline costs: that everything is measured and said, not how fast it is."""

import json

from contextnet_tf.runs.benchmarks import InputCost
from experiments import benchmark_input


def test_drawn_images_are_measured_stage_by_stage(tmp_path):
    costs = benchmark_input.run(
        output_dir=tmp_path / "out", images=2, rounds=1, crop_size=(32, 64), image_size=(64, 128)
    )

    assert list(costs) == ["32 x 64"]
    measured = costs["32 x 64"]
    assert set(measured) == set(benchmark_input.ROWS)
    assert all(cost.milliseconds > 0 and cost.core_milliseconds > 0 for cost in measured.values())
    section = json.loads((tmp_path / "out" / "result.json").read_text())["input"]
    assert (section["images"], section["dataset"]) == (2, "streets, drawn at 64 x 128")
    assert section["crops"]["32 x 64"]["png"]["milliseconds"] == measured["png"].milliseconds


def test_table_by_hand():
    costs = {name: InputCost(10.0, 20.0) for name in benchmark_input.ROWS}
    costs |= {"png": InputCost(4.0, 10.0), "total": InputCost(8.0, 16.0), "scale_first": InputCost(70.0, 90.0)}

    lines = benchmark_input.table(costs).splitlines()

    # 1000 / 4 images a second; 10 of 16 core-milliseconds; the other 6 are 0.6 times as much; 90 / 20.
    assert lines[2].split() == ["decode", "PNG,", "nothing", "else", "250.0", "10.0"]
    assert lines[-1] == (
        "decoding PNG is 62 % of the total, all the rest 0.60 times as much; at scale 2, "
        "crop first is 4.5 times cheaper"
    )


def test_too_few_images_and_too_large_crops_are_refused(camvid_dir, call):
    named = ("--dataset=camvid", f"--data_dir={camvid_dir}")
    called = call(benchmark_input, *named, "--images=7")
    assert called.status == 1 and "there are 6 training images; give --images=6 or less" in called.err
    called = call(benchmark_input, *named, "--images=2", "--rounds=1", "--crop_height=640", "--crop_width=640")
    assert called.status == 1 and "is more than twice as large as the images" in called.err
