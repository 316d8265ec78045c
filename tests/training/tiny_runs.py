"""Short runs of a tiny network on a dataset of CamVid's layout: 6 training images, 3 steps an epoch."""

import dataclasses

import keras
from tiny_network import TINY

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.models.registry import build_model
from contextnet_tf.training.recipe import SMOKE
from contextnet_tf.training.train import train

CAMVID = get_dataset("camvid")
# 6 images, batches of 2: 3 steps an epoch.
RECIPE = dataclasses.replace(SMOKE, epochs=2, validation_epochs=1)


class StoppedByTest(Exception):
    """Stands for the end of the process."""


def tiny_network():
    keras.utils.set_random_seed(3)
    return build_model(TINY, num_classes=11, input_shape=(None, None, 3), aux_head=True)


def train_tiny(camvid_dir, output_dir, recipe=RECIPE, **changes):
    arguments = {"seed": 3, "output_dir": output_dir} | changes
    splits = [CAMVID.list_examples(camvid_dir, split) for split in ("train", "val")]
    return train(tiny_network(), recipe, CAMVID, *splits, **arguments, crop_size=(64, 96))


def stop_at(step_to_stop):
    def on_step(step, steps, record):
        if step == step_to_stop:
            raise StoppedByTest

    return on_step
