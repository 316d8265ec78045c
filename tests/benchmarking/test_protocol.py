"""The protocol, and that every runtime labels as the network does."""

import os
import signal

import numpy as np
import pytest
from loaded_modules import LoadedModules
from tiny_network import write_tiny_network

from contextnet_tf.benchmarking.process import BenchmarkProcess, ServerProcess
from contextnet_tf.benchmarking.protocol import interleave, summary
from contextnet_tf.benchmarking.runtimes.registry import RUNTIMES, why_not
from contextnet_tf.benchmarking.runtimes.runtime import Stage
from contextnet_tf.benchmarking.runtimes.upsampling import DenseUpsampling, ExactUpsampling
from contextnet_tf.benchmarking.work import OneFrame, Stream, timed
from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.network import at_size
from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network


def test_rows_take_turns_and_the_warm_up_does_not_count():
    called, turns = [], []

    def row(name, milliseconds):
        def run():
            called.append(name)
            return {"network": next(milliseconds), "copying": 1.0}

        return run

    rows = {"a": row("a", iter([900.0, 10.0, 30.0, 20.0])), "b": row("b", iter([900.0, 5.0, 6.0, 7.0]))}
    timings = interleave(rows, rounds=3, warm_up=1, on_sample=lambda: turns.append(len(called)))

    assert called == ["a", "b"] * 4 and turns == [1, 2, 3, 4, 5, 6, 7, 8]
    assert timings["a"].milliseconds == 21.0  # the median of 10, 30 and 20, and one of copying
    assert timings["a"].parts == {"network": 20.0, "copying": 1.0}
    assert timings["b"].milliseconds == 7.0 and timings["b"].frames_per_second == 1000 / 7


def test_a_summary_by_hand():
    timing = summary([{"network": float(n), "copying": 100.0} for n in range(11)])
    assert (timing.milliseconds, timing.spread) == (105.0, (101.0, 109.0))
    assert timing.parts == {"network": 5.0, "copying": 100.0}
    # The median, which one slow frame does not move; the mean is 5.
    assert summary([{"network": 1.0}, {"network": 2.0}, {"network": 12.0}]).milliseconds == 2.0


def test_each_part_has_the_time_of_its_stages(monkeypatch):
    moments = iter([1.0, 1.002, 1.012, 1.013])
    monkeypatch.setattr("contextnet_tf.benchmarking.work.time.perf_counter", lambda: next(moments))
    seen = []
    stages = (
        Stage("copying", lambda x: seen.append(x) or "in"),
        Stage("network", lambda x: seen.append(x) or "out"),
        Stage("copying", lambda x: seen.append(x)),
    )
    parts = timed(stages, "image")
    assert seen == ["image", "in", "out"]
    assert parts == {"copying": pytest.approx(3.0), "network": pytest.approx(10.0)}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The tiny network for images of 32 x 64."""
    path = tmp_path_factory.mktemp("network") / "tiny.keras"
    write_tiny_network(path, 5)
    return fold_batch_norm(at_size(load_network(path), (32, 64)))


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """A file of three frames of noise."""
    path = tmp_path_factory.mktemp("frames") / "frames.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (3, 32, 64, 3), np.uint8))
    return path


@pytest.mark.parametrize("name", RUNTIMES)
def test_runtimes_label_as_the_network_does(name, network, frames, tmp_path):
    runtime = RUNTIMES[name]
    if reason := why_not(runtime):
        pytest.skip(reason)
    images = np.load(frames)
    path = tmp_path / runtime.file
    runtime.write(network, path, images)
    with BenchmarkProcess(OneFrame(runtime, path, 1), frames) as process:
        sample = process.sample()
        assert process.peak_memory() >= 0
        labels = process.labels
    expected = network(images[:1].astype(np.float32) / 255)["main"].numpy()[0].argmax(axis=-1)
    assert (labels.dtype, labels.shape) == (np.uint8, (32, 64))
    assert (labels == expected).mean() >= (0.999 if runtime.precision == "float32" else 0.9)
    assert set(sample) <= {"copying", "network", "upsampling"} and all(x > 0 for x in sample.values())


def test_a_stream_is_measured(network, frames, tmp_path):
    runtime = RUNTIMES["litert"]
    runtime.write(network, tmp_path / runtime.file, ())
    with BenchmarkProcess(Stream(runtime.engine, tmp_path / runtime.file, 1, length=3), frames) as process:
        assert process.sample()["all"] > 0 and process.sample()["all"] > 0
        assert process.labels.shape == (32, 64)


def test_both_ways_of_upsampling_agree(tmp_path):
    logits = np.random.default_rng(0).normal(size=(1, 4, 8, 5)).astype(np.float32)
    np.save(tmp_path / "logits.npy", logits)
    labels = []
    for runtime in (ExactUpsampling, DenseUpsampling):
        with BenchmarkProcess(OneFrame(runtime, tmp_path, 1), tmp_path / "logits.npy") as process:
            labels.append(process.labels)
    assert labels[0].shape == (32, 64) and np.array_equal(*labels)


def test_what_another_process_cannot_do_is_one_line(frames, tmp_path):
    with pytest.raises(InputError, match="none.tflite: is not a file; give a .tflite file"):
        BenchmarkProcess(OneFrame(RUNTIMES["litert"], tmp_path / "none.tflite", 1), frames)


class Idle:
    """A server that says the id of its process."""

    packages = ()

    def start(self):
        return {"process id": os.getpid}


class Ending:
    """Work that ends its process, as a system short of memory does it."""

    packages = ()

    def load(self):
        os._exit(3)


def test_a_process_that_ends_by_itself_is_one_line(frames):
    with pytest.raises(InputError, match=r"process ended unexpectedly \(exit code 3\), perhaps because memory ran out"):
        BenchmarkProcess(Ending(), frames)


def test_a_process_that_was_killed_between_two_samples_is_one_line():
    with ServerProcess(Idle()) as process:
        os.kill(process.call("process id"), signal.SIGKILL)
        process._process.wait()
        with pytest.raises(InputError, match=r"process ended unexpectedly \(exit code -9\), perhaps because memory"):
            process.call("process id")


def test_what_is_missing_is_named():
    class Foreign:
        packages = ("numpy", "no_such_package")

    assert why_not(Foreign) == "no_such_package not installed; in the checkout: pip install -e '.[bench]'"
    assert why_not(RUNTIMES["litert"]) is None


@pytest.mark.parametrize("name", ["litert", "openvino", "onnxruntime-in-graph", "pytorch-in-graph"])
def test_a_process_has_the_libraries_of_its_runtime_only(name):
    if reason := why_not(RUNTIMES[name]):
        pytest.skip(reason)
    with ServerProcess(LoadedModules(RUNTIMES[name])) as process:
        loaded = process.call("loaded")
    for library in ("tensorflow", "keras", "torch", "openvino", "onnxruntime"):
        assert (library in loaded) == (library in RUNTIMES[name].packages)


def test_an_error_in_another_process_is_one_line_and_does_not_end_it(network, frames, tmp_path):
    runtime = RUNTIMES["litert"]
    runtime.write(network, tmp_path / runtime.file, ())
    with BenchmarkProcess(OneFrame(runtime, tmp_path / runtime.file, 1), frames) as process:
        with pytest.raises(InputError, match="^'no such function'$"):
            process.call("no such function")
        assert process.sample()["network"] > 0
