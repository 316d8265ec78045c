"""Windows of whole pixels: by hand, and for every scale and place."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.datasets.windows import random_window, window_at

SEEDS = st.integers(0, 2**31 - 1)


def _window(origin, scale, size, crop_size):
    window = window_at(
        tf.constant(origin, tf.float32), tf.constant(scale, tf.float32), tf.constant(size, tf.int32), crop_size
    )
    return [value.numpy().tolist() for value in window]


def test_window_at_scale_2_is_cut_with_two_pixels_around():
    # 20 x 30 pixels from (10, 20) on, two more on each side; they begin 4 pixels of the crop before it.
    assert _window((10, 20), 2.0, (100, 200), (40, 60)) == [[8, 18], [24, 34], [48, 68], [-4, -4]]


def test_window_between_pixels_and_over_the_left_border():
    # 40 x 40 pixels. Rows 10.3 to 50.3: cut 8 to 53, 45 * 0.75 = 33.75, (8 - 10.3) * 0.75 = -1.725.
    # Columns -5.2 to 34.8: cut 0 to 37, 37 * 0.75 = 27.75, the image begins 5.2 * 0.75 = 3.9 pixels inside.
    assert _window((10.3, -5.2), 0.75, (100, 200), (30, 30)) == [[8, 0], [45, 37], [34, 28], [-2, 4]]


def test_crop_larger_than_the_image():
    # 20 x 30 pixels at scale 0.5 are 10 x 15 of a crop of 64 x 64 that starts 40 and 60 pixels before.
    assert _window((-40, -60), 0.5, (20, 30), (64, 64)) == [[0, 0], [20, 30], [10, 15], [20, 30]]


@settings(max_examples=100, deadline=None)
@given(
    scale=st.floats(0.5, 2.0), place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    crop_size=st.tuples(st.integers(8, 100), st.integers(8, 100)),
)  # fmt: skip
def test_crop_inside_the_image_is_filled_at_the_scale_and_place_asked_for(scale, place, crop_size):
    size = np.array([211, 307])
    origin = np.array(place) * (size - np.array(crop_size) / scale)
    low, cut, scaled, offset = (np.array(value) for value in _window(origin, scale, size, crop_size))
    assert (low >= 0).all() and (low + cut <= size).all()
    assert (offset <= 0).all() and (offset + scaled >= crop_size).all()
    # Both ends of the crop show what they should to a pixel.
    for end in (origin, origin + np.array(crop_size) / scale):
        assert (abs((end - low) * scaled / cut + offset - (end - origin) * scale) <= 1.001).all()


def test_scales_are_drawn_evenly_from_the_whole_range():
    scales = []
    for number in range(100):
        _, size, scaled, _ = random_window(tf.constant([1000, 1000]), tf.constant([number, 7]), (64, 64), (0.5, 2.0))
        scales.append(int(scaled[0]) / int(size[0]))
    # The window's whole pixels change the scale by less than half a pixel over 36 pixels or more.
    assert 0.49 < min(scales) < 0.6 and 1.9 < max(scales) < 2.02
    assert 1.15 < np.mean(scales) < 1.35


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_smaller_images_are_shown_whole(seed):
    low, size, scaled, offset = random_window(tf.constant([20, 30]), tf.constant([seed, 7]), (64, 64), (0.5, 2.0))
    assert low.numpy().tolist() == [0, 0] and size.numpy().tolist() == [20, 30]
    assert 10 <= scaled[0] <= 40 and 15 <= scaled[1] <= 60
    assert min(offset.numpy()) >= 0 and max(offset.numpy() + scaled.numpy()) <= 65


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_images_that_are_not_scaled_stand_in_the_upper_left(seed):
    window = random_window(tf.constant([20, 90]), tf.constant([seed, 7]), (32, 32), (1.0, 1.0))
    low, size, scaled, offset = (value.numpy() for value in window)
    assert (low[0], size[0], scaled[0], offset[0]) == (0, 20, 20, 0)  # rows: the image is smaller
    assert size[1] == scaled[1] >= 32 and offset[1] <= 0  # columns: anywhere, and no border


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, center=st.tuples(st.integers(64, 135), st.integers(64, 235)))
def test_crops_are_centered_on_the_pixel_asked_for(seed, center):
    window = random_window(tf.constant([200, 300]), tf.constant([seed, 7]), (64, 64), (0.5, 2.0), center)
    low, size, scaled, offset = (value.numpy() for value in window)
    # At scale 0.5 the window is 128 pixels wide: the center is 64 pixels from every border.
    assert (abs((np.array(center) + 0.5 - low) * scaled / size + offset - 32) <= 1.001).all()


def test_centers_near_the_border_keep_the_crop_inside():
    window = random_window(tf.constant([200, 300]), tf.constant([3, 7]), (64, 64), (1.0, 1.0), (1, 299))
    # Rows from 0 on, columns up to 300: 236 to 300, cut from 234 on.
    assert [value.numpy().tolist() for value in window] == [[0, 234], [66, 66], [66, 66], [0, -2]]
