"""How fast training is: that everything is measured and said, not how fast it is."""

import importlib.util
import json

from contextnet_tf.benchmarking.training_step import LoopSpeed
from contextnet_tf.errors import InputError
from contextnet_tf.runs.benchmarks import StepMemoryRow
from experiments import benchmark_training


def test_steps_loops_and_memory_are_measured(tmp_path):
    measured = benchmark_training.run(
        model="detail-only", output_dir=tmp_path / "out", images=2, images_per_step=1, measured_steps=2,
        image_size=(64, 96), crop_size=(64, 96), memory_size=None,
    )  # fmt: skip

    assert measured.ready.runtimes["bare"] > 0 and measured.ready.loop > 0 and measured.real.loop > 0
    assert 0 <= measured.real.input_wait_share <= 1
    section = json.loads((tmp_path / "out" / "result.json").read_text())["training_speed"]
    assert (section["steps"], section["memory"]) == (2, [])


def test_figures_are_written_under_their_names(monkeypatch, tmp_path):
    def loop_speed(*arguments, ready=None, **plan):
        return LoopSpeed(1.0, {}, 0.25) if ready is None else LoopSpeed(0.55, {"bare": 0.5, "torch": 0.75}, 0.125)

    monkeypatch.setattr("contextnet_tf.benchmarking.training_step.loop_speed", loop_speed)
    find_spec = importlib.util.find_spec  # PyTorch is not started
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "torch" else find_spec(name, *a))
    benchmark_training.run(
        model="detail-only", output_dir=tmp_path, images=2, images_per_step=1, measured_steps=2, image_size=(64, 96),
        crop_size=(32, 64), memory_size=None,
    )  # fmt: skip
    section = json.loads((tmp_path / "result.json").read_text())["training_speed"]
    assert section["seconds_a_step"] == {"bare": 0.5, "torch": 0.75, "loop": 0.55, "real": 1.0}
    # Of the loop with real input.
    assert section["input_wait_share"] == 0.25
    assert (section["model"], section["crop_size"], section["steps"]) == ("detail-only", [32, 64], 2)


def test_a_baseline_or_a_memory_that_cannot_be_measured_is_left_out_with_a_note(capsys, monkeypatch, tmp_path):
    (tmp_path / "torch").mkdir()  # is found, but not needed: the recipe is refused first
    monkeypatch.syspath_prepend(tmp_path)

    def short_of_memory(model, recipe, size, batch_size, *, num_classes, simple):
        if simple:
            raise InputError("too little")
        return StepMemoryRow(batch_size, simple, before=100, peak=400)

    monkeypatch.setattr("contextnet_tf.benchmarking.step_memory.step_memory", short_of_memory)
    measured = benchmark_training.run(
        model="detail-only", recipe="paper", images=2, images_per_step=1, measured_steps=1, image_size=(64, 96),
        crop_size=(64, 96), memory_size=(64, 96),
    )  # fmt: skip

    assert set(measured.ready.runtimes) == {"bare"} and measured.ready.runtimes["bare"] > 0
    assert [(row.images, row.simple) for row in measured.memory] == [(1, False), (2, False)]
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")] == [
        "note: PyTorch baseline left out: recipe 'paper': the PyTorch baseline is written for AdamW; try "
        "--recipe=short",
        "note: memory of a simple step of 1 left out: too little",
        "note: memory of a simple step of 2 left out: too little",
    ]


def test_table_by_hand():
    measured = benchmark_training.TrainingMeasurements(
        ready=LoopSpeed(0.55, {"bare": 0.5, "torch": 0.75}, 0.0),
        real=LoopSpeed(1.0, {}, 0.25),
        memory=(
            StepMemoryRow(1, simple=False, before=100 * 2**20, peak=400 * 2**20),
            StepMemoryRow(1, simple=True, before=100 * 2**20, peak=1700 * 2**20),
        ),
    )
    assert [line.split() for line in benchmark_training.table(measured, 4).splitlines()[1:5]] == [
        ["bare", "step", "2.00", "8.0"],
        ["loop,", "input", "ready", "1.82", "7.3"],
        ["loop,", "real", "input", "1.00", "4.0"],
        ["bare", "step", "in", "PyTorch", "1.33", "5.3"],
    ]
    assert benchmark_training.table(measured, 4).splitlines()[5:] == [
        "the loop costs 10.0 % over the bare step",
        "with real input it waits 25.0 % of its time",
        "PyTorch's step takes 1.50 times as long",
        "memory of a step of 1: 300 MiB (the process 400)",
        "memory of a simple step of 1: 1,600 MiB (the process 1,700)",
    ]
