"""The loop on a tiny network: exact resumption, a loss that is not finite, what recipes change."""

import dataclasses
import json
import resource
import shutil

import cv2
import keras
import numpy as np
import pytest
from tiny_network import TINY
from tiny_runs import CAMVID, RECIPE, StoppedByTest, stop_at, tiny_network, train_tiny

from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.training import loop
from contextnet_tf.training.recipe import PAPER
from contextnet_tf.training.train import train


@pytest.mark.parametrize("recipe", [RECIPE, dataclasses.replace(PAPER, epochs=2, batch_size=2, validation_epochs=1)])
def test_a_resumed_run_ends_with_the_same_weights(camvid_dir, tmp_path, recipe):
    whole = train_tiny(camvid_dir, tmp_path / "whole", recipe)
    assert whole.steps == 6
    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "parts", recipe, on_step=stop_at(5))
    # The checkpoint is that of step 3: steps 4 and 5 are made again.
    seen = []
    parts = train_tiny(camvid_dir, tmp_path / "parts", recipe, on_step=lambda step, steps, _: seen.append(step))
    assert seen == [4, 5, 6]
    assert parts.best_step == whole.best_step and parts.report.to_json() == whole.report.to_json()
    first, second = (load_network(tmp_path / name) for name in ("whole", "parts"))
    for weight, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    histories = [
        [
            {
                name: value
                for name, value in json.loads(line).items()
                if name not in ("images_per_second", "input_wait_share")
            }
            for line in (tmp_path / name / "history.jsonl").read_text().splitlines()
        ]
        for name in ("whole", "parts")
    ]
    assert histories[0] == histories[1]
    assert [line["step"] for line in histories[0] if "val_mean_iou" in line] == [3, 6]


def test_a_finished_run_is_left_as_it_is(camvid_dir, tmp_path):
    first = train_tiny(camvid_dir, tmp_path / "run")
    before = (tmp_path / "run" / "best.keras").read_bytes()
    again = train_tiny(camvid_dir, tmp_path / "run", on_step=stop_at(1))
    assert again.report.to_json() == first.report.to_json()
    assert (tmp_path / "run" / "best.keras").read_bytes() == before


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(camvid_dir, tmp_path, monkeypatch):
    steps = []

    def diverging(*arguments):
        step = real(*arguments)

        def training_step(batch):
            steps.append(None)
            return step({**batch, "image": batch["image"] * (np.inf if len(steps) == 5 else 1.0)})

        return training_step

    real = loop.make_training_step
    monkeypatch.setattr(loop, "make_training_step", diverging)
    with pytest.raises(InputError, match="the loss is not finite at step 5; the last good checkpoint is kept in"):
        train_tiny(camvid_dir, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-3.npz"]
    monkeypatch.undo()
    assert train_tiny(camvid_dir, tmp_path / "run").steps == 6


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_batch_statistics_that_are_not_finite_end_the_run(value, camvid_dir, tmp_path, monkeypatch):
    def diverging(model, *arguments):
        step = real(model, *arguments)

        def training_step(batch):
            figures = step(batch)
            # The loss stays finite: it is computed by the statistics of its own batch.
            variance = next(x for x in model.non_trainable_variables if x.name == "moving_variance")
            variance.assign(variance.value + value)
            return figures

        return training_step

    real = loop.make_training_step
    monkeypatch.setattr(loop, "make_training_step", diverging)
    with pytest.raises(InputError) as raised:
        train_tiny(camvid_dir, tmp_path / "run")
    assert "moving_variance are not finite; training diverged at step 3; try a lower" in str(raised.value)
    assert not (tmp_path / "run" / "best.keras").exists() and not list((tmp_path / "run" / "checkpoints").iterdir())


def test_recomputed_statistics_that_are_not_finite_replace_no_network(camvid_dir, tmp_path, monkeypatch):
    def overflowing(ema, images):
        ema.variables[0].assign(ema.variables[0].value + np.inf)

    monkeypatch.setattr(loop, "reestimate_batch_statistics", overflowing)
    with pytest.raises(InputError, match="are not finite; training diverged at step 3; the last good checkpoint is"):
        train_tiny(camvid_dir, tmp_path / "run")
    assert not (tmp_path / "run" / "best.keras").exists()


def test_a_full_disk_leaves_the_earlier_states_whole(camvid_dir, tmp_path):
    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "run", on_step=stop_at(4))
    checkpoint = tmp_path / "run" / "checkpoints" / "step-3.npz"
    before = checkpoint.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(
            InputError, match="checkpoints/step-4.npz: cannot be written .*; free disk space and start again"
        ):
            train_tiny(camvid_dir, tmp_path / "run", checkpoint_policy=loop.CheckpointPolicy(minutes=0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(checkpoint.parent.iterdir()) == [checkpoint] and checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    ("crop", "expected"), [("inside", [352, 480]), ("whole", [368, 480]), ((64, 96), [64, 96])], ids=str
)
def test_recipes_choose_the_crop(camvid_dir, tmp_path, crop, expected):
    # CamVid's images are 360 x 480; the tiny network takes multiples of 16.
    splits = [CAMVID.list_examples(camvid_dir, split) for split in ("train", "val")]
    recipe = dataclasses.replace(RECIPE, crop=crop, class_weight_exponent=0)
    with pytest.raises(StoppedByTest):
        train(tiny_network(), recipe, CAMVID, *splits, output_dir=tmp_path / "run", on_step=stop_at(1))
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["crop_size"] == expected


def test_recipes_give_samples_to_classes(camvid_dir, tmp_path, monkeypatch):
    shown = []

    def watching(*arguments):
        step = real(*arguments)

        def training_step(batch):
            shown.extend(np.unique(batch["label"]).tolist())
            return step(batch)

        return training_step

    real = loop.make_training_step
    monkeypatch.setattr(loop, "make_training_step", watching)
    # Five images of class 0 and one of class 5; every sample is given to one of the two.
    for i in range(5):
        cv2.imwrite(str(camvid_dir / "trainannot" / f"p{i}.png"), np.zeros((64, 96), np.uint8))
    augmentation = dataclasses.replace(RECIPE.augmentation, scale=(1.0, 1.0))
    recipe = dataclasses.replace(RECIPE, epochs=1, class_uniform_fraction=1.0, augmentation=augmentation)
    train_tiny(camvid_dir, tmp_path / "run", recipe)
    # Three batches of two, each with both classes.
    assert shown == [0, 5] * 3


def test_without_validation_the_last_average_is_kept(camvid_dir, tmp_path):
    examples = CAMVID.list_examples(camvid_dir, "train")
    validated = []
    arguments = {"seed": 3, "crop_size": (64, 96), "on_validation": lambda step, report: validated.append(step)}
    plain = train(tiny_network(), RECIPE, CAMVID, examples, output_dir=tmp_path / "plain", **arguments)
    assert (plain.report, plain.best_step, plain.steps, validated) == (None, 6, 6, [])
    history = (tmp_path / "plain" / "history.jsonl").read_text()
    assert "val_mean_iou" not in history and '"step": 6' in history
    # The same weights as the EMA of a run that is validated has at its last step.
    val = CAMVID.list_examples(camvid_dir, "val")
    train(tiny_network(), RECIPE, CAMVID, examples, val, output_dir=tmp_path / "validated", **arguments)
    averages = []
    for name in ("plain", "validated"):
        with np.load(tmp_path / name / "checkpoints" / "step-6.npz") as arrays:
            averages.append({key: arrays[key] for key in arrays if key.startswith("ema/")})
    for key, value in averages[0].items():
        np.testing.assert_array_equal(value, averages[1][key], err_msg=key)
    kept = load_network(plain.network_path).get_layer("classifier").kernel
    np.testing.assert_array_equal(kept, averages[0]["ema/classifier/kernel"])
    # Resumed by the same command, it is finished.
    again = train(
        tiny_network(), RECIPE, CAMVID, examples, output_dir=tmp_path / "plain", **arguments, on_step=stop_at(1)
    )
    assert again.best_step == 6


def test_a_run_whose_best_network_is_missing_validates_again(camvid_dir, tmp_path):
    reports = {}
    train_tiny(camvid_dir, tmp_path / "run", on_validation=lambda step, report: reports.update({step: report}))
    (tmp_path / "run" / "best.keras").write_bytes(b"")  # damaged; in the next call it is missing
    seen = []
    train_tiny(camvid_dir, tmp_path / "run", on_validation=lambda step, report: seen.append(step))
    assert seen == [6]
    (tmp_path / "run" / "best.keras").unlink()
    seen = []
    again = train_tiny(
        camvid_dir, tmp_path / "run", on_step=stop_at(1), on_validation=lambda step, report: seen.append(step)
    )
    assert seen == [6] and (tmp_path / "run" / "best.keras").exists()
    assert again.best_step == 6 and again.report.to_json() == reports[6].to_json()
    # Another network, copied over it, has the same outputs.
    build_model(TINY.widened(2), num_classes=11, input_shape=(None, None, 3)).save(tmp_path / "run" / "best.keras")
    copied = train_tiny(camvid_dir, tmp_path / "run", on_validation=lambda step, report: seen.append(step))
    assert seen == [6, 6] and copied.report.to_json() == again.report.to_json()


def test_a_trained_network_is_not_overwritten_because_its_checkpoints_are_gone(camvid_dir, tmp_path):
    train_tiny(camvid_dir, tmp_path / "run", dataclasses.replace(RECIPE, epochs=1))
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("best.keras", "history.jsonl")}
    with pytest.raises(
        InputError, match="run: holds a best.keras, but no undamaged checkpoint to resume from; restore"
    ):
        train_tiny(camvid_dir, tmp_path / "run", dataclasses.replace(RECIPE, epochs=1))
    assert {name: (tmp_path / "run" / name).read_bytes() for name in before} == before


def test_classes_that_never_occur_are_a_warning(camvid_dir, tmp_path, caplog):
    def ended(folder):
        raise StoppedByTest

    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "run", on_start=ended)
    assert not caplog.messages
    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "other", on_step=stop_at(1))
    assert caplog.messages[:2] == [
        "training images: no pixel of sign_symbol, fence, car, pedestrian, bicyclist",
        "validation images: no pixel of pole, road, pavement, tree, sign_symbol, fence, car, pedestrian, bicyclist",
    ]


def test_images_that_are_trained_and_validated_on_are_a_warning(camvid_dir, tmp_path, caplog):
    # val is a list of some of the images of train, as trainval and val may be.
    lines = (camvid_dir / "train.txt").read_text().splitlines(keepends=True)
    (camvid_dir / "val.txt").write_text("".join(lines[4:]))
    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "run", on_step=stop_at(1))
    assert caplog.messages[0] == (
        f"2 of the 2 validation images are training images, the first is {camvid_dir}/train/p4.png; the validation "
        "says nothing about other images"
    )


def test_a_mean_iou_that_is_not_a_number_is_never_the_best(camvid_dir, tmp_path, monkeypatch):
    real = loop.evaluate
    monkeypatch.setattr(loop, "evaluate", lambda *a, **k: dataclasses.replace(real(*a, **k), class_iou={"sky": np.nan}))
    with pytest.raises(InputError, match="camvid: the validation images have no pixel whose class is known"):
        train_tiny(camvid_dir, tmp_path / "run")
    assert not (tmp_path / "run" / "best.keras").exists()
    for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    # Once the cause is mended, the same command resumes.
    monkeypatch.undo()
    assert train_tiny(camvid_dir, tmp_path / "run").steps == 6


def test_training_leaves_the_settings_of_the_network(camvid_dir, tmp_path):
    model = tiny_network()
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [layer.get_config() for layer in model.layers]
    splits = [CAMVID.list_examples(camvid_dir, split) for split in ("train", "val")]
    recipe = dataclasses.replace(RECIPE, epochs=1, batch_norm_momentum=0.25)
    momenta = []

    def on_step(step, steps, record):
        momenta.extend(layer.momentum for layer in normalizations)

    train(model, recipe, CAMVID, *splits, output_dir=tmp_path / "run", crop_size=(64, 96), on_step=on_step)
    assert set(momenta) == {0.25}
    assert [layer.get_config() for layer in model.layers] == before
    assert normalizations and {layer.momentum for layer in normalizations} == {0.99}


def test_a_damaged_settings_file_is_restored_from_the_checkpoint(camvid_dir, tmp_path):
    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "run", on_step=stop_at(4))
    path = tmp_path / "run" / "settings.json"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"other settings \(seed was 3 and is now 4\)"):
        train_tiny(camvid_dir, tmp_path / "run", seed=4)
    assert train_tiny(camvid_dir, tmp_path / "run").steps == 6
    assert path.read_text() == whole


def test_extra_settings_are_json(camvid_dir, tmp_path):
    """NaN would stand in settings.json, and differ from itself on resume."""
    for value in (float("nan"), object()):
        with pytest.raises(InputError, match=r"^extra_settings cannot be written as JSON \("):
            train_tiny(camvid_dir, tmp_path / "run", extra_settings={"share": value})
    assert not (tmp_path / "run").exists()
