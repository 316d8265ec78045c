"""The benchmark of a process's start, and the memory that the package adds."""

import numpy as np
import pytest

from contextnet_tf.benchmarking import startup
from contextnet_tf.errors import InputError
from contextnet_tf.presets import exported_preset

IMAGE = np.zeros((32, 48, 3), np.uint8)


def test_segmenter_needs_little_more_memory_than_litert_alone(monkeypatch):
    monkeypatch.setattr(startup, "WARM_UP", 0)
    monkeypatch.setattr(startup, "ROWS", {name: startup.ROWS[name] for name in (startup.BARE, "Segmenter")})
    measured = startup.measure_startup(exported_preset("preset:cn14-camvid"), IMAGE, rounds=1)
    bare, segmenter = measured[startup.BARE], measured["Segmenter"]
    for row in (bare, segmenter):
        assert 0 < row.processor_milliseconds and 0 < row.timing.milliseconds
    assert 30e6 < bare.peak_memory < segmenter.peak_memory + 20e6
    assert segmenter.peak_memory < bare.peak_memory + 40e6


def test_a_process_that_fails_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(startup, "ROWS", {startup.BARE: startup.ROWS[startup.BARE]})
    with pytest.raises(InputError, match="failed .*no_such"):
        startup.measure_startup(tmp_path / "no_such.tflite", IMAGE, rounds=1)


def test_a_process_that_a_signal_ended_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(startup, "ROWS", {"killed": "import os; os.kill(os.getpid(), 9)\n"})
    with pytest.raises(InputError, match="^killed: failed \\(exit code -9, perhaps because memory ran out\\)$"):
        startup.measure_startup(tmp_path / "any.tflite", IMAGE, rounds=1)
