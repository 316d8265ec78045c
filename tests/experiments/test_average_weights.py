"""The program average_weights: two short runs, and what it refuses."""

import shutil

import numpy as np
import pytest
from program_calls import refused
from tiny_network import TINY, write_tiny_network

from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.results import read_results
from experiments import average_weights, evaluate, make_preset, train
from experiments.splits import NO_VALIDATION, Splits


@pytest.fixture(scope="module")
def runs(camvid_module_dir, tmp_path_factory):
    """A folder with two runs: `first`, and `second` which began with its weights."""
    folder = tmp_path_factory.mktemp("runs")
    for seed, (name, initial) in enumerate((("first", None), ("second", folder / "first"))):
        train.run(
            model=build_model(TINY, num_classes=11, input_shape=(None, None, 3), aux_head=True),
            dataset="camvid",
            data_dir=str(camvid_module_dir),
            output_dir=str(folder / name),
            recipe="smoke",
            data_splits=Splits(("train", "val"), NO_VALIDATION),
            changes={"batch_size": 4},
            seed=seed,
            initial=initial and str(initial),
        )
    return folder


def test_the_mean_of_two_runs(runs, call, tmp_path, caplog):
    first, second, out = runs / "first", runs / "second", tmp_path / "out"
    called = call(average_weights, f"--checkpoints={first},{second / 'best.keras'}", f"--output_dir={out}")
    assert (called.status, called.out) == (0, f"{out / 'best.keras'}\n"), called.err
    one, other, average = (load_network(folder).weights for folder in (first, second, out))
    assert any(not np.array_equal(*pair) for pair in zip(one, other, strict=True))
    for weights in zip(one, other, average, strict=True):
        np.testing.assert_allclose((weights[0].numpy() + weights[1].numpy()) / 2, weights[2].numpy(), atol=1e-6)
    # What is known of the runs is known of the average.
    results, of_second = read_results(out), read_results(second)
    assert (results.model, results.dataset, results.training) == (
        of_second.model,
        of_second.dataset,
        of_second.training,
    )
    assert results.flags["train"] == of_second.flags["train"]
    # A rerun would replace it.
    called = call(average_weights, f"--checkpoints={first},{second}", f"--output_dir={out}")
    refused(called, f"{out}: already holds best.keras; give a new folder as --output_dir")
    assert evaluate.run(checkpoint=str(out), output_dir=str(out)).images == 2
    assert "the network was trained on val too; on other images it is less accurate than these figures" in (
        caplog.messages
    )


def test_an_average_becomes_a_preset(runs, camvid_module_dir, tmp_path):
    average_weights.run(checkpoints=[str(runs / "first"), str(runs / "second")], output_dir=str(tmp_path / "out"))
    settings = {"data_dir": str(camvid_module_dir), "output_dir": str(tmp_path)}
    preset = make_preset.run(checkpoint=str(tmp_path / "out"), name="mean", **settings)
    assert "--train_splits=train,val" in (preset / "card.md").read_text()


def test_networks_without_records_are_averaged(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_tiny_network(tmp_path / folder / "tiny.keras", 3)
    names = [str(tmp_path / folder / "tiny.keras") for folder in ("a", "b")]
    average = average_weights.run(checkpoints=names, output_dir=str(tmp_path / "out"))
    np.testing.assert_array_equal(average.weights[0], load_network(names[0]).weights[0])
    assert read_results(tmp_path / "out").training is None


@pytest.mark.parametrize(
    ("checkpoints", "message"),
    [
        ((), "--checkpoints needs two or more networks; give for example --checkpoints=runs/a,runs/b"),
        (("first",), "--checkpoints needs two or more networks"),
        (("first", "first/best.keras"), "best.keras twice; give each network once"),
        (("first", "nothing"), "nothing: does not exist; give a .keras file or the folder of a trained run"),
        (("first", "lone.keras"), "cannot be averaged; network 2 of 2 differs from the first: "),
        (("first", "fewer"), "was trained on camvid, train, "),
        (("first", "streets"), "was trained on streets, train+val, "),
        (("first", "file.tflite"), "file.tflite: is an exported file; a .keras file or the folder of a run is needed"),
    ],
    ids=["none", "one", "twice", "missing", "other network", "other splits", "other dataset", "exported"],
)
def test_what_cannot_be_averaged(runs, call, tmp_path, checkpoints, message):
    shutil.copytree(runs / "first", tmp_path / "first")
    write_tiny_network(tmp_path / "lone.keras", 11)
    (tmp_path / "file.tflite").write_bytes(b"")
    changes = {"fewer": ('"train",\n        "val"\n', '"train"\n'), "streets": ('"camvid"', '"streets"')}
    for folder, (old, new) in changes.items():
        shutil.copytree(runs / "second", tmp_path / folder)
        result = tmp_path / folder / "result.json"
        text = result.read_text()
        assert old in text
        result.write_text(text.replace(old, new))
    paths = ",".join(str(tmp_path / name) for name in checkpoints)
    out = tmp_path / "out"
    refused(call(average_weights, *([f"--checkpoints={paths}"] if paths else []), f"--output_dir={out}"), message)
    assert not out.exists()
