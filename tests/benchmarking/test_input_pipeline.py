"""The way that is compared with shows the same; every stage is measured."""

import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.benchmarking.input_pipeline import measure_input, scale_then_crop
from contextnet_tf.datasets.augment import scaled_crop
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.windows import window_at
from contextnet_tf.errors import InputError

CAMVID = get_dataset("camvid")


@pytest.mark.parametrize("origin", [(0, 0), (7, 11), (8, 32)])
def test_both_ways_show_the_same_at_scale_2(origin):
    rng = np.random.default_rng(1)
    image = tf.constant(rng.integers(0, 256, (40, 64, 3), np.uint8))
    label = tf.constant(rng.integers(0, 19, (40, 64), np.uint8))
    window = window_at(tf.constant(origin, tf.float32), tf.constant(2.0), tf.constant([40, 64]), (64, 64))
    first = scaled_crop(image, label, window, (64, 64))
    simple = scale_then_crop(image, label, 2.0, origin, (64, 64))
    np.testing.assert_allclose(first[0], simple[0], atol=1e-6)
    np.testing.assert_array_equal(first[1], simple[1])


def test_every_stage_is_measured(camvid_dir):
    rounds = []
    costs = measure_input(
        CAMVID, CAMVID.list_examples(camvid_dir, "train"), crop_size=(64, 96), batch_size=4, rounds=2,
        on_round=lambda: rounds.append(None),
    )  # fmt: skip
    assert set(costs) == {"read", "png", "load", "augment", "batch", "total", "crop_first", "scale_first"}
    assert len(rounds) == 3  # one to warm up
    for cost in costs.values():
        assert cost.milliseconds > 0 and cost.core_milliseconds > 0
        assert cost.images_per_second * cost.milliseconds == pytest.approx(1000)


def test_crops_that_the_images_cannot_fill(camvid_dir):
    with pytest.raises(
        InputError, match="crop of 64 x 224 .* more than twice as large as the images, which are 64 x 96"
    ):
        measure_input(CAMVID, CAMVID.list_examples(camvid_dir, "train"), crop_size=(64, 224), batch_size=4, rounds=1)
