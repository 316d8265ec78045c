"""What training refuses: folders of other runs, networks, crops and labels that do not fit, too little memory."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import TINY
from tiny_runs import CAMVID, RECIPE, StoppedByTest, stop_at, tiny_network, train_tiny

from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model
from contextnet_tf.training.compute_config import CheckpointPolicy
from contextnet_tf.training.train import train


def test_folders_that_are_not_this_run_are_refused_and_kept(camvid_dir, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="other: is not empty and holds no run"):
        train_tiny(camvid_dir, other)
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "run", on_step=stop_at(1))
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="run: holds a run; set `resume=True` to resume it"):
        train_tiny(camvid_dir, tmp_path / "run", resume=False)
    with pytest.raises(InputError, match=r"holds a run with other settings \(recipe.epochs was 2 and is now 9\)"):
        train_tiny(camvid_dir, tmp_path / "run", dataclasses.replace(RECIPE, epochs=9))
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_output_folder_that_cannot_be_made(camvid_dir, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/run: cannot be written as a folder"):
        train_tiny(camvid_dir, tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"keep": 0}, "keep = 0: the number of checkpoints must be a whole number, 1 or more"),
        ({"keep": -1}, "keep = -1: "),
        ({"keep": 1.5}, "keep = 1.5: "),
        ({"minutes": -1}, "minutes = -1: the time between checkpoints must be a number, 0 or more"),
        ({"minutes": float("nan")}, "minutes = nan: "),
        ({"minutes": "10"}, "minutes = '10': "),
    ],
    ids=str,
)
def test_checkpoints_that_cannot_be_kept(values, message):
    with pytest.raises(InputError, match=message):
        CheckpointPolicy(**values)


def test_crops_the_network_cannot_take(camvid_dir, tmp_path):
    splits = [CAMVID.list_examples(camvid_dir, split) for split in ("train", "val")]
    with pytest.raises(InputError, match="crop size 60 x 96 .* takes multiples of 16"):
        train(tiny_network(), RECIPE, CAMVID, *splits, output_dir=tmp_path / "run", crop_size=(60, 96))
    assert not (tmp_path / "run").exists()


def test_a_network_that_does_not_fit_the_dataset(camvid_dir, tmp_path):
    model = build_model(TINY, num_classes=19, input_shape=(None, None, 3), aux_head=True)
    splits = [CAMVID.list_examples(camvid_dir, split) for split in ("train", "val")]
    message = "tiny: has 19 classes, camvid has 11; build it with num_classes=11"
    with pytest.raises(InputError, match=message):
        train(model, RECIPE, CAMVID, *splits, output_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_few_images_for_a_batch(camvid_dir, tmp_path):
    with pytest.raises(
        InputError, match="6 training images are too few for one batch of 64; set a smaller `batch_size`"
    ):
        train_tiny(camvid_dir, tmp_path / "run", dataclasses.replace(RECIPE, batch_size=64))


@pytest.mark.parametrize(("folder", "kind"), [("valannot", "2 validation"), ("trainannot", "6 training")])
def test_labels_that_are_all_ignored_are_refused_before_the_first_step(camvid_dir, tmp_path, folder, kind):
    for path in (camvid_dir / folder).iterdir():
        cv2.imwrite(str(path), np.full((64, 96), 11, np.uint8))  # CamVid's void
    message = f"camvid: every pixel of the {kind} images is ignored"
    with pytest.raises(InputError, match=message):
        train_tiny(camvid_dir, tmp_path / "run", dataclasses.replace(RECIPE, class_weight_exponent=0))
    assert not (tmp_path / "run").exists()


def test_a_run_with_other_extra_settings_is_refused(camvid_dir, tmp_path):
    train_tiny(camvid_dir, tmp_path / "run", extra_settings={"initial": {"sha256": "a"}})
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["initial"] == {"sha256": "a"}
    message = r"other settings \(initial.sha256 was 'a' and is now 'b'\); restore the initial weights, with the checkpo"
    with pytest.raises(InputError, match=message):
        train_tiny(camvid_dir, tmp_path / "run", extra_settings={"initial": {"sha256": "b"}})


def test_labels_that_have_changed_since_the_start_are_refused(camvid_dir, tmp_path):
    def stop(folder):
        raise StoppedByTest

    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "run", on_start=stop)
    path = sorted((camvid_dir / "trainannot").glob("*.png"))[2]
    label = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), np.where(label == 11, 11, 10 - np.minimum(label, 10)).astype(np.uint8))
    with pytest.raises(InputError, match=f"have changed since .*: 1 label of train, the first of {path.stem}. Restore"):
        train_tiny(camvid_dir, tmp_path / "run", on_start=stop)
    cv2.imwrite(str(path), label)
    with pytest.raises(StoppedByTest):
        train_tiny(camvid_dir, tmp_path / "run", on_start=stop)


def test_too_little_memory_is_one_line(camvid_dir, tmp_path):
    def exhausted(*arguments, **settings):
        raise tf.errors.ResourceExhaustedError(None, None, "Failed to allocate memory for the batch\nmore")

    with pytest.raises(
        InputError, match="out of memory in a training step .Failed to allocate memory for the batch.; set a larger"
    ):
        train_tiny(camvid_dir, tmp_path / "run", make_batches=exhausted)
