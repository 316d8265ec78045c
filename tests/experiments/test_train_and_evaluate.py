"""The programs train and evaluate as a person calls them."""

import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from folders import write_camvid
from program_calls import refused, train_camvid
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_network import TINY

from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from experiments import evaluate, train


def _plain_environment():
    """The environment of a person who has set nothing: importing `experiments` here has changed ours."""
    return {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run that `train` made, in a process of its own, and its dataset."""
    root = tmp_path_factory.mktemp("trained")
    data_dir = write_camvid(root)
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiments.train",
            "--dataset=camvid",
            f"--data_dir={data_dir}",
            f"--output_dir={root / 'run'}",
            "--recipe=smoke",
            "--crop_height=64",
            "--crop_width=96",
            "--batch_size=3",
        ],
        capture_output=True,
        text=True,
        env=_plain_environment(),
    )
    assert finished.returncode == 0, finished.stderr
    return root / "run", data_dir, finished


def test_a_run_leaves_what_it_says(trained):
    folder, _, finished = trained
    for name in ("best.keras", "result.json", "history.jsonl", "flags.txt", "settings.json"):
        assert (folder / name).is_file(), name
    assert list((folder / "tensorboard").glob("events.*")) and (folder / "checkpoints" / "step-2.npz").is_file()
    board = EventAccumulator(str(folder / "tensorboard")).Reload().Tags()["tensors"]
    assert {
        "train/loss", "train/learning_rate", "train/images_per_second", "train/input_wait_share", "memory/process",
        "validation/mean_iou", "iou/building", "confusion", "validation/0", "validation/1", "validation/2",
    } <= set(board)  # fmt: skip
    log = (folder / "train.log").read_text()
    assert "INFO step 2: validation mean IoU" in log and log.endswith("INFO ended\n")
    results = json.loads((folder / "result.json").read_text())
    assert results["model"]["name"] == "cn14" and results["model"]["num_classes"] == 11
    # Folded with 11 classes instead of 19: 846,179 - 8 * 129.
    assert results["model"]["parameters_folded"] == 845147
    assert results["training"]["steps"] == 2 and results["dataset"]["images"] == 2
    assert results["flags"]["train"]["batch_size"] == 3
    assert "best validation: mean IoU" in finished.stdout
    for program in ("evaluate", "export"):
        assert f"python -m experiments.{program} --checkpoint={folder} --output_dir={folder}\n" in finished.stdout
    assert "step 2/2" in finished.stderr and "images/s" in finished.stderr and "left" in finished.stderr
    # Nothing but the bar, the validations, and the classes that so small a dataset lacks.
    shown = [x.strip() for x in re.split("[\r\n]", finished.stderr) if x.strip()]
    assert not [x for x in shown if not x.startswith("step ") and " images: no pixel of " not in x]


def test_flagfile_repeats_the_run(trained, call):
    folder, _, _ = trained
    assert "--batch_size=3\n" in (folder / "flags.txt").read_text()
    path = folder / "result.json"
    results = json.loads(path.read_text())
    results["training"]["commit"] = "an earlier one"
    path.write_text(json.dumps(results))
    again = call(train, f"--flagfile={folder / 'flags.txt'}")
    assert again.status == 0 and "of 2, " in again.out
    assert f"note: {folder}: the run was already complete; nothing was trained\n" in again.err
    # It was evaluated again, but not trained again.
    assert json.loads(path.read_text())["training"] == results["training"]
    assert json.loads(path.read_text())["evaluation"]["commit"] != "an earlier one"


def test_evaluate_gives_the_figures_of_the_training(trained, call, tmp_path):
    folder, data_dir, _ = trained
    called = call(
        evaluate, f"--checkpoint={folder}", "--dataset=camvid", f"--data_dir={data_dir}", f"--output_dir={tmp_path}"
    )
    assert called.status == 0 and "mean of the classes" in called.out and "does not occur" in called.out
    before, now = (json.loads((path / "result.json").read_text())["evaluation"] for path in (folder, tmp_path))
    assert now["class_iou"] == before["class_iou"] and now["confusion"] == before["confusion"]
    # Two images of 64 x 96.
    assert np.sum(now["confusion"]) == 2 * 6144
    # Without --dataset it is the run's own.
    again = call(evaluate, f"--checkpoint={folder}", f"--output_dir={tmp_path}")
    assert again.out == called.out


def test_averaged_figures_stand_apart(trained, call, tmp_path):
    folder, data_dir, _ = trained
    common = (f"--checkpoint={folder}", f"--data_dir={data_dir}", f"--output_dir={tmp_path}")
    plain = call(evaluate, *common)
    before = json.loads((tmp_path / "result.json").read_text())["evaluation"]
    called = call(evaluate, *common, "--flip", "--scales=0.75,1,1.25")
    assert called.status == 0, called.err
    results = json.loads((tmp_path / "result.json").read_text())
    assert results["evaluation"] == before
    averaged = results["averaged_evaluation"]
    assert (averaged["scales"], averaged["flip"], averaged["split"]) == ([0.75, 1.0, 1.25], True, "val")
    assert np.sum(averaged["confusion"]) == 2 * 6144
    # One scale of 1 without flip is the plain evaluation.
    assert call(evaluate, *common, "--noflip", "--scales=1").out == plain.out
    refused(call(evaluate, *common, "--scales=1,two"), "--scales: could not convert string to float: 'two'")
    refused(call(evaluate, *common, "--scales=0"), "--scales=0.0: give numbers above 0")


def test_evaluate_refuses_what_does_not_fit(trained, call, tmp_path):
    folder, data_dir, _ = trained
    common = (f"--data_dir={data_dir}", f"--output_dir={tmp_path / 'out'}")
    camvid = ("--dataset=camvid", f"--checkpoint={folder}", *common)
    refused(call(evaluate, "--dataset=camvid", *common), "--checkpoint is missing")
    refused(call(evaluate, *camvid, "--model=cn18"), "holds the network 'cn14', not 'cn18'")
    refused(
        call(evaluate, "--dataset=streets", f"--checkpoint={folder}", *common),
        "the network has 11 classes, dataset 'streets' has 19",
    )
    refused(call(evaluate, *camvid, "--split=test"), "has no test.txt")
    refused(call(evaluate, *camvid, f"--checkpoint={tmp_path / 'none.keras'}"), "none.keras: does not exist")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("kept")
    refused(call(evaluate, *camvid[:3], f"--output_dir={tmp_path / 'file'}"), "file: cannot be written as a folder")
    lone = tmp_path / "lone.keras"
    lone.write_bytes((folder / "best.keras").read_bytes())
    refused(call(evaluate, f"--checkpoint={lone}", *common), "no result.json beside it records a dataset")


def test_flags_change_the_recipe(camvid_dir, call, tmp_path):
    called = call(
        train, "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={tmp_path / 'out'}", "--recipe=smoke",
        "--whole_images", "--min_scale=1", "--max_scale=1", "--color_jitter=0.5", "--class_uniform_fraction=0.5",
        "--batch_size=6", "--cache=memory", "--ohem_threshold=0.75",
        "--label_smoothing=0.125", "--appearance=0.5", "--class_weights=enet",
        "--ema_decay=0.5", "--bn_recalibration_batches=1", "--weight_decay=0.25", "--fusion_order=upsample last",
    )  # fmt: skip
    assert called.status == 0
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert settings["crop_size"] == [64, 96]  # whole images, which are multiples of 32 already
    recipe = settings["recipe"]
    assert recipe["augmentation"]["scale"] == [1.0, 1.0] and recipe["augmentation"]["contrast"] == 0.125
    assert (recipe["augmentation"]["shadow"], recipe["class_weights"]) == (0.3, "enet")
    assert (recipe["crop"], recipe["class_uniform_fraction"]) == ("whole", 0.5)
    assert (recipe["ohem_threshold"], recipe["label_smoothing"], recipe["ema_decay"]) == (0.75, 0.125, 0.5)
    assert (recipe["bn_recalibration_batches"], recipe["optimizer"]["weight_decay"]) == (1, 0.25)
    assert settings["network"] == "cn14-upsample-last"
    # 8 images of 64 x 96, of which 6 are trained on: 4 bytes a pixel.
    assert "cache: 6 images take 0.15 MB of memory" in called.out


def test_train_refuses_wrong_output_folders(trained, camvid_dir, call, tmp_path):
    folder, data_dir, _ = trained
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refused(train_camvid(call, data_dir, folder, "--noresume"), "holds a run; set --resume to resume it")
    refused(train_camvid(call, data_dir, folder, "--seed=7"), "seed was 0 and is now 7")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (tmp_path / "file").write_text("kept")
    refused(train_camvid(call, camvid_dir, tmp_path / "file"), "file: cannot be written as a folder")
    assert (tmp_path / "file").read_text() == "kept"


def test_initial_weights_of_a_run(trained, camvid_dir, call, tmp_path):
    folder, _, _ = trained
    out = tmp_path / "out"
    called = train_camvid(call, camvid_dir, out, f"--initial={folder}", "--batch_size=6", "--learning_rate=1e-10")
    assert called.status == 0
    assert f"initial weights of {folder}: " in called.out and "random" not in called.out  # the auxiliary head as well
    initial = json.loads((out / "settings.json").read_text())["initial"]
    assert initial["source"] == str(folder) and re.fullmatch("[0-9a-f]{64}", initial["sha256"])
    # So low a learning rate leaves them as they are.
    before, after = (load_network(path).get_layer("classifier").kernel.numpy() for path in (folder, out))
    np.testing.assert_allclose(before, after, rtol=0, atol=1e-6)
    # Started again, the complete run has weights of its own.
    again = train_camvid(call, camvid_dir, out, f"--initial={folder}", "--batch_size=6", "--learning_rate=1e-10")
    assert again.status == 0 and "initial weights" not in again.out, again.err
    assert "the run was already complete" in again.err
    refused(train_camvid(call, camvid_dir, tmp_path / "x", f"--initial={tmp_path / 'none.keras'}"), "does not exist")
    refused(train_camvid(call, camvid_dir, tmp_path / "x", f"--initial={folder}", "--model=cn18-x"), "unknown network")
    refused(
        train_camvid(call, camvid_dir, tmp_path / "x", f"--initial={folder}", "--model=enet"),
        "does not fit enet: it has",
    )


def test_a_network_can_be_given(camvid_dir, tmp_path):
    keras.utils.set_random_seed(0)
    network = build_model(TINY, num_classes=11, input_shape=(None, None, 3), aux_head=True)
    result = train.run(
        model=network, dataset="camvid", data_dir=camvid_dir, output_dir=str(tmp_path / "run"), recipe="smoke"
    )
    assert load_network(result.network_path).name == "tiny"
    model = json.loads((tmp_path / "run" / "result.json").read_text())["model"]
    # CamVid's images are 64 x 96 here, multiples of 16 already.
    assert (model["name"], model["input_size"]) == ("tiny", [64, 96])
    assert model["multiply_adds"] > 0 and model["parameters_folded"] < model["parameters"]
    # A convolution and two blocks of 3; a convolution and three of 2; the fusion; the classifier.
    assert model["layers"] == (1 + 2 * 3) + (1 + 3 * 2) + 3 + 1


def test_splits_that_are_trained_and_validated_on(camvid_dir, call, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [train.__name__])  # absl finds the flags that a run records by the program's name
    common = ("--batch_size=4", "--learning_rate=0.001")
    both = train_camvid(call, camvid_dir, tmp_path / "both", "--train_splits=train,val", "--val_split=none", *common)
    assert both.status == 0 and "trained without validation: the network of the last step, 2" in both.out
    settings = json.loads((tmp_path / "both" / "settings.json").read_text())
    assert (settings["training_images"], settings["validation_images"]) == (8, 0)
    assert settings["splits"] == {"train": ["train", "val"], "val": None, "holdout": []}
    results = json.loads((tmp_path / "both" / "result.json").read_text())
    assert "evaluation" not in results and results["dataset"]["images"] == 0
    held = train_camvid(call, camvid_dir, tmp_path / "held", "--train_splits=train,val", "--holdout=p1,p3", *common)
    assert held.status == 0 and "best validation: mean IoU" in held.out
    settings = json.loads((tmp_path / "held" / "settings.json").read_text())
    # Of p0 to p5 of train, and p0 and p1 of val.
    assert (settings["training_images"], settings["validation_images"]) == (5, 3)
    assert settings["splits"]["holdout"] == ["p1", "p3"]
    results = json.loads((tmp_path / "held" / "result.json").read_text())
    evaluation = results["evaluation"]
    assert evaluation["split"] == "train+val, p1 and p3 held out"
    # evaluate takes the same images by itself.
    called = call(evaluate, f"--checkpoint={tmp_path / 'held'}", f"--output_dir={tmp_path / 'again'}")
    assert called.status == 0, called.err
    again = json.loads((tmp_path / "again" / "result.json").read_text())["evaluation"]
    assert (again["split"], again["images"]) == (evaluation["split"], 3)
    assert again["confusion"] == evaluation["confusion"]
    other = train_camvid(
        call, camvid_dir, tmp_path / "other", "--train_splits=val", "--val_split=train", "--batch_size=2"
    )
    assert other.status == 0
    settings = json.loads((tmp_path / "other" / "settings.json").read_text())
    assert (settings["training_images"], settings["validation_images"]) == (2, 6)
