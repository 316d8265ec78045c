"""Which network a run keeps as best.keras."""

import dataclasses

import numpy as np
from tiny_runs import train_tiny

from contextnet_tf.models.loading import load_network
from contextnet_tf.training import loop
from contextnet_tf.training.recipe import PAPER


def test_a_later_validation_that_is_worse_replaces_nothing(camvid_dir, tmp_path, monkeypatch):
    found = iter([0.5, 0.25, 0.5])  # of steps 3 and 6, and of the kept network at the end
    real = loop.evaluate

    def evaluate(*arguments, **settings):
        return dataclasses.replace(real(*arguments, **settings), class_iou={"sky": next(found)})

    monkeypatch.setattr(loop, "evaluate", evaluate)
    seen = []
    result = train_tiny(
        camvid_dir, tmp_path / "run", on_validation=lambda step, report: seen.append((step, report.mean_iou))
    )
    assert seen == [(3, 0.5), (6, 0.25)]
    assert result.best_step == 3
    kept = load_network(tmp_path / "run" / "best.keras").get_layer("classifier").kernel
    for step, same in ((3, True), (6, False)):
        with np.load(tmp_path / "run" / "checkpoints" / f"step-{step}.npz") as arrays:
            assert np.array_equal(kept, arrays["ema/classifier/kernel"]) == same


def test_without_an_average_the_trained_weights_are_kept(camvid_dir, tmp_path):
    recipe = dataclasses.replace(PAPER, epochs=1, batch_size=2, validation_epochs=1)
    train_tiny(camvid_dir, tmp_path / "run", recipe)
    with np.load(tmp_path / "run" / "checkpoints" / "step-3.npz") as arrays:
        trained = arrays["model/classifier/kernel"]
    kept = load_network(tmp_path / "run" / "best.keras").get_layer("classifier").kernel
    np.testing.assert_array_equal(kept, trained)
