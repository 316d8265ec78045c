"""A validation split that is half unpacked ends a run before it starts, not at its first validation."""

import os

import pytest

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model
from contextnet_tf.training.recipe import SMOKE
from contextnet_tf.training.train import train
from data import streets


def test_a_missing_file_of_instances_is_refused_before_the_run(tmp_path):
    for index in range(2):
        streets.write_scene(tmp_path / "drawn", 0, "val", index, 64, 64)
    dataset = get_dataset("streets")
    examples = dataset.list_examples(tmp_path / "drawn", "val")
    os.remove(examples[1].label_path.replace("labelIds", "instanceIds"))
    network = build_model("cn14-160", num_classes=19, input_shape=(None, None, 3), aux_head=True)
    with pytest.raises(
        InputError, match="drawnval_000001_000000_gtFine_instanceIds.png: is missing, though 1 of the 2"
    ):
        train(
            network, SMOKE, dataset, examples * SMOKE.batch_size, examples, output_dir=tmp_path / "run",
            crop_size=(64, 64),
        )  # fmt: skip
    assert not (tmp_path / "run").exists()
