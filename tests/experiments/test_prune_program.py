"""Progressive pruning with a tiny network: stages, resuming, starting from a run."""

import dataclasses

import pytest
from folders import write_camvid
from tiny_network import TINY

from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.results import read_results
from experiments import evaluate, prune
from experiments.splits import Splits

BASE = dataclasses.replace(TINY, name="base")
RECIPE = {"recipe": "smoke", "changes": {"batch_size": 6}, "crop_size": (32, 32), "rounds": 1, "seeds": [0]}


@pytest.fixture(scope="module")
def camvid(tmp_path_factory):
    return write_camvid(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def pruned(camvid, tmp_path_factory):
    """The folder and the section of a pruning from twice the width to once."""
    out = tmp_path_factory.mktemp("pruned")
    data = {"dataset": "camvid", "data_dir": str(camvid), "output_dir": str(out)}
    return out, prune.run(model=BASE, factors=(1,), **data, **RECIPE)


def test_stages(pruned):
    out, section = pruned
    assert [row.name for row in section.rows] == ["basex2", "base"]
    assert [row.epochs for row in section.rows] == [1, 1] and section.directly.epochs == 2
    wide, narrow = (row.parameters for row in section.rows)
    assert wide > narrow == section.directly.parameters
    assert [len(row.mean_iou_before) for row in section.rows] == [0, 1] and section.size == (64, 96)
    assert all(row.milliseconds > 0 and len(row.mean_iou) == 1 for row in section.rows)
    evaluated = read_results(out / "base-pruned-seed0").evaluation.accuracy.mean_iou
    assert section.rows[-1].mean_iou_before == (evaluated,)
    assert read_results(out).pruning == section and (out / "pruning.md").read_text().startswith("# Progressive")
    directly = read_results(out / "base-directly-seed0").training
    assert (directly.epochs, directly.seed) == (2, 0)


def test_fine_tuning_starts_from_the_pruned_network_with_its_auxiliary_head(pruned):
    out, _ = pruned
    kept = load_network(out / "base-pruned-seed0")
    assert set(kept.output) == {"main", "aux"} and set(load_network(out / "base-fine-tuned-seed0").output) == {"main"}
    settings = (out / "base-fine-tuned-seed0" / "settings.json").read_text()
    assert "base-pruned-seed0" in settings


def test_resumed_from_the_shell(pruned, camvid, call, monkeypatch):
    out, section = pruned
    monkeypatch.setattr(prune, "spec_named", lambda name: {"base": BASE}[name])
    files = [path for path in out.glob("*/*") if path.name in ("history.jsonl", "best.keras")]
    before = {path: path.read_bytes() for path in files}
    flags = (
        "--model=base", "--dataset=camvid", f"--data_dir={camvid}", "--recipe=smoke", "--batch_size=6", "--factors=1",
        "--crop_height=32", "--crop_width=32", "--rounds=1", "--seeds=0", f"--output_dir={out}",
    )  # fmt: skip
    called = call(prune, *flags)
    assert called.status == 0, called.err
    assert {path: path.read_bytes() for path in files} == before
    assert [row.mean_iou for row in read_results(out).pruning.rows] == [row.mean_iou for row in section.rows]
    assert "Pruned minus trained directly" in called.out and "\nNetwork" in called.out
    # The wide network itself as the start would be another source of the same folder.
    other = call(prune, *flags, f"--checkpoint={out / 'base-directly-seed0'}")
    assert other.status == 1 and "was pruned from another network" in other.err


def test_from_a_run_on_its_dataset(pruned, tmp_path):
    out, section = pruned
    found = prune.run(
        model=BASE, checkpoint=str(out / "basex2-trained-seed0"), factors=(1,), fine_tune_learning_rate=0.001,
        directly=False, output_dir=str(tmp_path / "out"), **RECIPE,
    )  # fmt: skip
    assert found.dataset == "camvid"
    assert [row.name for row in found.rows] == ["basex2", "base"] and found.directly is None
    assert found.rows[0].mean_iou == pytest.approx(section.rows[0].mean_iou) and found.rows[0].epochs == 1
    tuned = read_results(tmp_path / "out" / "base-fine-tuned-seed0").training.recipe
    assert tuned["base_learning_rate"] == 0.001


def test_splits_and_held_out_images(camvid, tmp_path):
    data = {"dataset": "camvid", "data_dir": str(camvid), "output_dir": str(tmp_path / "out")}
    held_out = Splits(("train", "val"), None, ("p0", "p1"))
    settings = RECIPE | {"changes": {"batch_size": 4}}  # four images are left to train on
    section = prune.run(model=BASE, factors=(1,), directly=False, data_splits=held_out, **data, **settings)
    assert (section.split, section.images) == ("train+val, p0 and p1 held out", 4)
    for name in ("basex2-trained-seed0", "base-pruned-seed0", "base-fine-tuned-seed0"):
        evaluation = read_results(tmp_path / "out" / name).evaluation
        assert (evaluation.split, evaluation.accuracy.images) == ("train+val, p0 and p1 held out", 4)
    with pytest.raises(InputError, match="`val_split=none`: networks are compared on validation images"):
        prune.run(model=BASE, factors=(1,), data_splits=Splits(("train",), "none"), **data, **RECIPE)


def test_a_preset_that_was_trained_on_val_is_reported(camvid, tmp_path, caplog):
    evaluate.run(
        checkpoint="preset:cn14-camvid", data_dir=str(camvid), default_splits=Splits(), output_dir=str(tmp_path)
    )
    assert "the network was trained on val too" in caplog.text


def test_wrong_input(camvid, call, tmp_path):
    data = {"dataset": "camvid", "data_dir": str(camvid), "output_dir": str(tmp_path / "out")}
    with pytest.raises(InputError, match="need at least one value"):
        prune.run(model=BASE, factors=(), **data, **RECIPE)
    network = tmp_path / "alone.keras"
    build_model(BASE, num_classes=11, input_shape=(None, None, 3)).save(network)
    with pytest.raises(InputError, match="for how many epochs it was trained"):
        prune.run(model=BASE, checkpoint=str(network), **data, **RECIPE)
    with pytest.raises(InputError, match="`fine_tune_learning_rate=0` is out of range; it must be more than 0"):
        prune.run(model=BASE, fine_tune_learning_rate=0.0, **data, **RECIPE)
    # What would fail after hours of training, when the second network is pruned.
    for start, factors in ((1.0, (1.5, 1.0)), (2.0, (1.0, 1.5)), (2.0, (1.0, 1.0))):
        with pytest.raises(
            InputError, match="--factors=.*: each must be smaller than the one before, the first at most"
        ):
            prune.run(model=BASE, start_factor=start, factors=factors, **data, **RECIPE)
    called = call(prune, "--start_factor=2", f"--checkpoint={network}", f"--output_dir={tmp_path / 'out'}")
    assert called.err.startswith("error: --start_factor has no effect with --checkpoint")
    called = call(prune, "--factors=half", f"--output_dir={tmp_path / 'out'}")
    assert (called.status, called.err) == (1, "error: --factors=half: give numbers, for example --factors=1.5,1.25,1\n")
    assert not (tmp_path / "out").exists()
