"""One process of a run: python run_of_a_worker.py DATA_DIR OUTPUT_DIR STRATEGY [STEP]; after STEP it dies at once."""

import dataclasses
import os
import signal
import sys

from small_batches import SPEC

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.models.registry import build_model
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.recipe import PAPER
from contextnet_tf.training.strategy import get_devices
from contextnet_tf.training.train import train

# 6 images, batches of 2: 21 steps, validated at 9, 18 and 21. At the paper's own rate such a run is chaotic:
# what rounding changes grows from step to step.
RECIPE = dataclasses.replace(
    PAPER,
    epochs=7,
    batch_size=2,
    validation_epochs=3,
    ema_decay=0.9,
    class_weight_exponent=0.5,
    base_learning_rate=1e-3,
)


def run(data_dir: str, output_dir: str, strategy: str, last_step: int | None = None) -> None:
    """Trains, on the devices of `strategy`, the same network whatever they are."""
    devices = get_devices(strategy)
    import keras

    keras.utils.set_random_seed(3)
    model = build_model(SPEC, num_classes=11, input_shape=(None, None, 3), aux_head=True)
    camvid = get_dataset("camvid")

    def on_step(step, steps, record):
        if step == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    train(
        model,
        RECIPE,
        camvid,
        camvid.list_examples(data_dir, "train"),
        camvid.list_examples(data_dir, "val"),
        output_dir=output_dir,
        crop_size=(64, 96),
        seed=3,
        resume=True,
        compute_config=ComputeConfig(devices=devices, sync_batch_norm=True),
        on_step=on_step,
    )


if __name__ == "__main__":
    run(*sys.argv[1:4], *map(int, sys.argv[4:]))
