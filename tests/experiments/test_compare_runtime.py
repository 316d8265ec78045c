"""The comparison of runtimes from the shell: everything that is installed, on a tiny network; bad input."""

import numpy as np
import pytest
from tiny_network import write_tiny_network

from contextnet_tf.benchmarking import comparison
from contextnet_tf.deployment.network import folded_at_size
from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.runs.sections import DatasetSection
from experiments import compare_runtime


@pytest.fixture
def run_dir(camvid_dir, tmp_path):
    """The folder of a run on `camvid_dir`, with the tiny network."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_tiny_network(folder / "best.keras", 11)
    update_results(folder, DatasetSection("camvid", "val", data_dir=str(camvid_dir)))
    return folder


def test_a_trained_network_is_compared_on_images_of_its_data_set(call, run_dir, tmp_path):
    places = (f"--checkpoint={run_dir}", f"--output_dir={tmp_path / 'out'}")
    what = ("--engines=litert,litert-in-graph", "--sizes=64x96,32x64", "--thread_counts=1,2")
    called = call(compare_runtime, *places, *what, "--rounds=2")

    assert called.status == 0
    section = read_results(tmp_path / "out").runtime_comparison
    assert section.weights == "trained" and section.frames.endswith("images of camvid val")
    rows = [(row.runtime, row.size[0], row.threads, row.mode) for row in section.rows]
    assert rows == [
        (name, height, threads, mode)
        for height in (64, 32)
        for name, threads, mode in (
            ("litert", 1, "sequential"), ("litert", 2, "sequential"), ("litert", 1, "pipelined"),
            ("litert-in-graph", 1, "sequential"), ("litert-in-graph", 2, "sequential"),
        )
    ]  # fmt: skip
    for row in section.rows:
        low, high = row.milliseconds_spread
        assert 0 < low <= row.milliseconds_median <= high
        assert row.frames_per_second == pytest.approx(1000 / row.milliseconds_median)
        assert row.label_parity == 1.0
        assert set(row.parts) <= {"copying", "network", "upsampling"}
    assert [(entry.size, entry.logits) for entry in section.upsampling] == [
        ((64, 96), "network"), ((64, 96), "noise"), ((32, 64), "network"), ((32, 64), "noise"),
    ]  # fmt: skip
    assert "LiteRT float32, upsampling in the graph" in called.out and "exact upsampling of noise" in called.out
    page = (tmp_path / "out" / "runtime.md").read_text()
    assert page.startswith("# Frames per second\n") and "| ContextNet | the paper, Titan X (Maxwell) | pipe" in page
    assert (tmp_path / "out" / "runtime.png").read_bytes().startswith(b"\x89PNG")


def test_networks_with_random_weights_are_compared_on_synthetic_scenes(call, tmp_path):
    arguments = ("--models=cn14-160", "--engines=litert", "--modes=sequential", "--sizes=64x128", "--rounds=1")
    called = call(compare_runtime, f"--output_dir={tmp_path}", *arguments)

    assert called.status == 0
    section = read_results(tmp_path).runtime_comparison
    assert section.frames == "4 synthetic scenes" and section.weights.startswith("random")
    assert [row.model for row in section.rows] == ["cn14-160", "cn14-160, upsampled last"]
    assert "cn14-160, fusion upsampled last" in called.out


def test_what_cannot_take_part_is_left_out_with_a_note(call, monkeypatch, run_dir, tmp_path):
    monkeypatch.setattr(compare_runtime.RUNTIMES["pytorch-in-graph"], "packages", ("no_such_package",))
    arguments = ("--engines=litert,pytorch-in-graph", "--modes=sequential", "--sizes=32x64", "--rounds=1")
    called = call(compare_runtime, f"--checkpoint={run_dir}", f"--output_dir={tmp_path / 'out'}", *arguments)
    assert called.status == 0
    assert (
        "note: PyTorch eager, upsampling in the graph left out: no_such_package not installed; "
        "in the checkout: pip install -e '.[bench]'\n"
    ) in called.err
    refused = call(compare_runtime, "--engines=pytorch-in-graph", f"--output_dir={tmp_path / 'none'}")
    assert refused.status == 1 and "--engines=pytorch-in-graph: none can run here" in refused.err


def test_what_fails_is_left_out_with_its_reason(call, monkeypatch, run_dir, tmp_path):
    # The process of this row does not know the file that it is given.
    monkeypatch.setattr(compare_runtime.RUNTIMES["litert-in-graph"], "write", lambda _, path, __: path.touch())
    arguments = ("--modes=sequential", "--sizes=32x64", "--rounds=1", f"--checkpoint={run_dir}")
    called = call(compare_runtime, f"--output_dir={tmp_path / 'out'}", *arguments, "--engines=litert-in-graph,litert")
    assert called.status == 0
    assert "note: LiteRT float32, upsampling in the graph, tiny left out: " in called.err
    assert "model_untiled_labels.tflite: is not a TFLite file" in called.err
    section = read_results(tmp_path / "out").runtime_comparison
    assert {row.runtime for row in section.rows} == {"litert"} and len(section.left_out) == 1
    monkeypatch.setattr(comparison, "upsampled_last", lambda network: None)
    called = call(compare_runtime, f"--output_dir={tmp_path / 'none'}", *arguments, "--engines=litert-in-graph")
    assert called.status == 1 and called.err.splitlines()[-1].startswith("error: nothing could be measured: ")


def test_bad_input_is_one_line(call, run_dir, tmp_path):
    out = tmp_path / "out"
    for arguments, message in (
        (("--engines=litert,tensorrt",), "--engines: 'tensorrt' is unknown; choose from: litert, litert-float16,"),
        (("--modes=fast",), "--modes: 'fast' is unknown; choose from: sequential, pipelined"),
        (("--sizes=1024",), "--sizes: '1024' is not a size; give HEIGHTxWIDTH in pixels, for example 1024x2048"),
        (("--sizes=100x200",), "size 100 x 200 (height x width): network 'cn14' takes multiples of 32"),
        (("--sizes=",), "nothing to measure; --sizes, --thread_counts and --modes need a value each"),
        (
            ("--modes=pipelined", "--engines=litert-in-graph"),
            "runtimes with upsampling in the graph have no pipelined mode",
        ),
        (("--thread_counts=0",), "--thread_counts: '0' is not a number of threads; give whole numbers from 1 to 1024"),
        (("--thread_counts=1025",), "--thread_counts: '1025' is not a number of threads"),
        (("--thread_counts=²",), "--thread_counts: '²' is not a number of threads"),
        (("--sizes=64x99999999",), "--sizes: '64x99999999' is too large; give at most 32768 pixels per side"),
        (("--models=cn15",), "unknown network 'cn15'; choose from cn18, cn14"),
        (
            (f"--checkpoint={run_dir}", "--models=cn14"),
            "--checkpoint and --models (random weights) cannot be combined; choose one",
        ),
        (("--checkpoint=none",), "none: does not exist; give a .keras file or the folder of a trained run"),
    ):
        called = call(compare_runtime, f"--output_dir={out}", *arguments)
        assert (called.status, called.out) == (1, "") and called.err.count("\n") == 1, called
        assert message in called.err
    assert not out.exists()
    assert "--output_dir is missing" in call(compare_runtime).err


def test_labels_of_another_network_are_refused(run_dir, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), np.uint8)
    measured = comparison.Comparison(tmp_path, frames)
    network = folded_at_size(load_network(run_dir), (32, 64))
    measured.add(network, [comparison.Case("tiny", "litert", 1)])
    measured._references["tiny"] = np.full((32, 64), 255, np.uint8)
    with pytest.raises(InputError, match="only 0.00% of the labels of tiny equal LiteRT's, 99% are needed"):
        measured.run(rounds=1, warm_up=0, on_start=lambda samples: None, on_sample=lambda: None)


def test_a_network_that_upsamples_last_has_the_same_weights():
    network = build_model("cn14-160", input_shape=(None, None, 3))
    other = comparison.upsampled_last(network)
    names = [layer.name for layer in other.layers]
    assert names.index("fusion_context_upsample") > names.index("fusion_context_project")
    for layer in network.layers:
        pairs = zip(layer.get_weights(), other.get_layer(layer.name).get_weights(), strict=True)
        assert all(np.array_equal(*pair) for pair in pairs)
    assert comparison.upsampled_last(build_model("detail-only", input_shape=(None, None, 3))) is None
