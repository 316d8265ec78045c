"""Crop sizes: the largest that networks accept within the images, or around them. CamVid's images are 360 x 480."""

import dataclasses

from tiny_runs import CAMVID, tiny_network

from contextnet_tf.models.registry import build_model
from contextnet_tf.training.plan import common_crop, default_crop
from contextnet_tf.training.recipe import get_recipe


def test_default_crop_fits_into_the_images():
    assert default_crop(tiny_network(), CAMVID) == (352, 480)  # multiples of 16


def test_the_common_crop_is_the_largest_that_all_networks_accept():
    networks = [build_model(name, input_shape=(None, None, 3)) for name in ("cn18", "cn14", "cn12")]  # 64, 32, 16
    modern = get_recipe("modern")
    assert common_crop(networks, modern, CAMVID) == (320, 448)
    assert common_crop(networks[1:], modern, CAMVID) == (352, 480)
    assert common_crop(networks, dataclasses.replace(modern, crop="whole"), CAMVID) == (384, 512)
    assert common_crop(networks, dataclasses.replace(modern, crop=(64, 64)), CAMVID) == (64, 64)
