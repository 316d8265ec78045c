"""Real processes killed at any moment: the resumed run is the run that was never stopped."""

import dataclasses
import json
import multiprocessing
import signal
import time

import keras
import numpy as np
import tensorflow as tf
from tiny_network import TINY

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.training.loop import CheckpointPolicy
from contextnet_tf.training.recipe import SMOKE
from contextnet_tf.training.train import train

STEPS = 20  # of 3 images, of which there are 6; every tenth is validated
RECIPE = dataclasses.replace(SMOKE, epochs=10, batch_size=3, validation_epochs=5)


def _run(data_dir, output_dir):
    """What a process does: the same each time."""
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(3)
    camvid = get_dataset("camvid")
    network = build_model(TINY, num_classes=11, input_shape=(None, None, 3), aux_head=True)
    splits = [camvid.list_examples(data_dir, split) for split in ("train", "val")]
    train(
        network,
        RECIPE,
        camvid,
        *splits,
        output_dir=output_dir,
        crop_size=(32, 32),
        checkpoint_policy=CheckpointPolicy(minutes=0),
    )


def _kill_when(process, happens):
    """SIGKILL as soon as `happens()`; the process must not have ended before."""
    process.start()
    while not happens():
        assert process.is_alive()
        time.sleep(0.0002)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _history(folder):
    timed = ("images_per_second", "input_wait_share")
    return [
        {name: value for name, value in json.loads(line).items() if name not in timed}
        for line in (folder / "history.jsonl").read_text().splitlines()
    ]


def _state(folder):
    """The variables of the last checkpoint, and how far it says that the run has come."""
    with np.load(folder / "checkpoints" / f"step-{STEPS}.npz") as arrays:
        variables = dict(arrays)
    progress = json.loads(str(variables.pop("notes")))["progress"]
    progress.pop("seconds")
    return variables, progress


def test_a_run_killed_at_any_moment_ends_as_one_that_was_not(camvid_dir, tmp_path):
    # Imports TensorFlow once, and forks before it has computed anything.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["contextnet_tf"])
    whole, parts = tmp_path / "whole", tmp_path / "parts"

    def process(folder):
        return context.Process(target=_run, args=(camvid_dir, folder))

    def present(pattern):
        return lambda: any(parts.glob(pattern))

    reference = process(whole)
    reference.start()
    _kill_when(process(parts), present("checkpoints/.step-*"))  # while the first checkpoint is written
    _kill_when(process(parts), present("checkpoints/step-7.npz"))  # in the step after, or its saving
    _kill_when(process(parts), present(".best.*"))  # while the best network is written
    last = process(parts)
    last.start()
    for running in (reference, last):
        running.join()
        assert running.exitcode == 0

    (variables, progress), (expected, expected_progress) = _state(parts), _state(whole)
    assert progress == expected_progress and progress["step"] == STEPS
    assert variables.keys() == expected.keys() and any(name.startswith("optimizer/") for name in variables)
    for name, value in expected.items():
        np.testing.assert_array_equal(variables[name], value, err_msg=name)
    assert _history(parts) == _history(whole)
    assert [line["step"] for line in _history(whole)] == [10, 10, 20, 20]
    for weight, other in zip(*(load_network(folder).weights for folder in (whole, parts)), strict=True):
        np.testing.assert_array_equal(weight, other)
    assert not [path for path in parts.rglob(".*") if path.name != ".lock"]
