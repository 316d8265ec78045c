"""Each augmentation on images where the right answer can be written down."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contextnet_tf.datasets import augment
from contextnet_tf.datasets.windows import Window, window_at


def _eager(function, *arguments):
    return [value.numpy() for value in function(*arguments)]


def _mapped(function, *arguments):
    """The same inside `Dataset.map`, on one element."""
    tensors = tuple(tf.convert_to_tensor(argument) for argument in arguments)
    data = tf.data.Dataset.from_tensors(tensors).map(function)
    return [value.numpy() for value in next(iter(data))]


@pytest.fixture(params=[_eager, _mapped], ids=["eager", "mapped"])
def call(request):
    """Calls a function of tensors eagerly or inside `Dataset.map`."""
    return request.param


def _crop(size):
    def function(image, label, window):
        return augment.scaled_crop(image, label, Window(*tf.unstack(tf.convert_to_tensor(window))), size)

    return function


IMAGE = np.array([[0, 51, 102, 153], [0, 51, 102, 153], [204, 204, 204, 204], [255, 255, 255, 255]], np.uint8)
IMAGE = np.stack([IMAGE] * 3, axis=-1)
LABEL = np.array([[0, 1, 2, 3], [0, 1, 2, 3], [4, 4, 4, 4], [5, 5, 5, 5]], np.uint8)


def test_crop_at_scale_1_is_a_slice(call):
    window = Window(low=(0, 1), size=(4, 3), scaled=(4, 3), offset=(-1, 0))
    image, label = call(_crop((2, 3)), IMAGE, LABEL, window)
    np.testing.assert_allclose(image[..., 0], [[0.2, 0.4, 0.6], [0.8, 0.8, 0.8]], atol=1e-6)
    np.testing.assert_array_equal(label, [[1, 2, 3], [4, 4, 4]])


def test_crop_beyond_the_border_is_black_and_ignored(call):
    window = Window(low=(0, 0), size=(3, 4), scaled=(3, 4), offset=(1, -2))
    image, label = call(_crop((2, 3)), IMAGE, LABEL, window)
    np.testing.assert_allclose(image[..., 0], [[0, 0, 0], [0.4, 0.6, 0]], atol=1e-6)
    np.testing.assert_array_equal(label, [[255, 255, 255], [2, 3, 255]])


def test_crop_larger_than_the_image_shows_all_of_it(call):
    window = Window(low=(0, 0), size=(4, 4), scaled=(4, 4), offset=(1, 2))
    image, label = call(_crop((6, 7)), IMAGE, LABEL, window)
    np.testing.assert_allclose(image[1:5, 2:6], IMAGE / 255.0, atol=1e-6)
    assert image[0].max() == image[5].max() == image[:, :2].max() == image[:, 6].max() == 0
    expected = np.full((6, 7), 255)
    expected[1:5, 2:6] = LABEL
    np.testing.assert_array_equal(label, expected)


def test_crop_that_misses_the_image_is_all_border(call):
    window = Window(low=(0, 0), size=(2, 2), scaled=(2, 2), offset=(-5, 9))
    image, label = call(_crop((3, 3)), IMAGE, LABEL, window)
    assert image.max() == 0 and label.min() == 255


def test_scale_2_interpolates_at_half_pixel_centers(call):
    # Output centers lie at 0.25, 0.75, 1.25, ... of the input; the input's at 0.5, 1.5, ...
    # Columns hold 0, 0.2, 0.4, 0.6: between 0.5 and 1.5 the value at 0.75 is 0.25 * 0.2, at 1.25 0.75 * 0.2.
    window = Window(low=(0, 0), size=(4, 4), scaled=(8, 8), offset=(0, 0))
    image, label = call(_crop((2, 8)), IMAGE, LABEL, window)
    np.testing.assert_allclose(image[0, :, 0], [0.0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.6], atol=1e-6)
    np.testing.assert_array_equal(label[0], [0, 0, 1, 1, 2, 2, 3, 3])


def test_scale_of_one_and_a_half(call):
    # Output centers at 1/3, 1, 5/3, 7/3, 3, 11/3 of the input: 0.2 a column from 0.5 on, level beyond 0.5 and 3.5.
    window = Window(low=(0, 0), size=(4, 4), scaled=(6, 6), offset=(0, -1))
    image, label = call(_crop((1, 5)), IMAGE, LABEL, window)
    np.testing.assert_allclose(image[0, :, 0], [0.1, 0.7 / 3, 1.1 / 3, 0.5, 0.6], atol=1e-6)
    np.testing.assert_array_equal(label[0], [1, 1, 2, 3, 3])


def test_scale_of_three_quarters_is_the_mean_of_the_area(call):
    # Each output pixel is 4/3 columns wide: weights (3, 1), (2, 2), (1, 3) of 4; its center at 2/3, 2, 10/3.
    window = Window(low=(0, 0), size=(4, 4), scaled=(3, 3), offset=(0, 0))
    image, label = call(_crop((1, 3)), IMAGE, LABEL, window)
    np.testing.assert_allclose(image[0, :, 0], [0.05, 0.3, 0.55], atol=1e-6)
    np.testing.assert_array_equal(label[0], [0, 2, 3])


def test_scale_half_averages_what_the_label_shows(call):
    window = Window(low=(0, 0), size=(4, 4), scaled=(2, 2), offset=(0, 0))
    image, label = call(_crop((2, 2)), IMAGE, LABEL, window)
    # (0 + 0.2) / 2 and (0.4 + 0.6) / 2 over two like rows; 0.8 and 1 below.
    np.testing.assert_allclose(image[..., 0], [[0.1, 0.5], [0.9, 0.9]], atol=1e-6)
    # The center of four pixels is the corner of the lower right one.
    np.testing.assert_array_equal(label, [[1, 3], [5, 5]])


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.5, 2.0), origin=st.floats(0, 60), first=st.floats(0, 20))
def test_every_edge_of_a_drawn_grid_stands_within_a_tenth_of_a_pixel(scale, origin, first):
    # A grid of bright and dark squares whose edges lie anywhere: a pixel is as bright as the part of it that is.
    edges = first + 20.3 * np.arange(9)
    brightness = sum((-1) ** k * np.clip(np.arange(200) + 1 - edge, 0, 1) for k, edge in enumerate(edges))
    across = np.tile(brightness, (200, 1))
    grid = (255 * np.stack([across, across.T, np.ones_like(across)], -1)).round().astype(np.uint8)
    window = window_at(tf.constant([origin, origin]), tf.constant(scale), tf.constant([200, 200]), (64, 64))
    image, _ = _eager(_crop((64, 64)), grid, np.zeros((200, 200), np.uint8), window)
    low, size, scaled, offset = (value.numpy()[0] for value in window)
    places = (edges - low) * scaled / size + offset
    half = 0.45 * 20.3 * scale  # from an edge to almost the middle of its squares
    for lines in (image[32, :, 0], image[:, 32, 1]):
        for number, place in enumerate(places):
            low, high = int(np.ceil(place - half)), int(np.floor(place + half))
            if low < 0 or high > 64:
                continue
            # An edge stands where the area on its dark side ends.
            bright = lines[low:high].sum()
            found = high - bright if number % 2 == 0 else low + bright
            assert abs(found - place) < 0.1


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.5, 2.0), y=st.floats(0, 20), x=st.floats(0, 20))
def test_image_and_label_stay_aligned_to_a_tenth_of_a_pixel(scale, y, x):
    # A slanting edge crosses every position between two pixels: on the average over the rows the label, whose
    # pixels are all or nothing, must have it where the image has it.
    rows, columns = np.mgrid[0:640, 0:640] + 0.5
    bright = np.clip(columns - (320 + 0.37 * (rows - 320)) + 0.5, 0, 1)
    label = (bright > 0.5).astype(np.uint8)
    image = np.stack([(255 * bright).round().astype(np.uint8)] * 3, -1)
    origin = tf.constant([320 - 128 / scale + y / 10, 320 - 128 / scale + x / 10], tf.float32)
    window = window_at(origin, tf.constant(scale), tf.constant([640, 640]), (256, 256))
    for size, scaled in zip(window.size.numpy(), window.scaled.numpy(), strict=True):
        # Every n-th center of n : even falls on the border of two pixels: a tie, which the right one wins. An edge
        # between such pixels moves by up to half a pixel of the crop for one in n.
        across, along = size // math.gcd(size, scaled), scaled // math.gcd(size, scaled)
        assume(across % 2 or along > 50)
    for axis in (0, 1):  # an edge that is nearly upright, and one that is nearly level
        crop, cropped = _eager(_crop((256, 256)), np.moveaxis(image, axis, 0), np.moveaxis(label, axis, 0), window)
        low, size, scaled, offset = (value.numpy()[[axis, 1 - axis]] for value in window)
        in_image = low[0] + (np.arange(256) + 0.5 - offset[0]) * size[0] / scaled[0]
        expected = (320 + 0.37 * (in_image - 320) - low[1]) * scaled[1] / size[1] + offset[1]
        assert abs((256 - crop[..., 0].sum(axis=1 - axis) - expected).mean()) < 0.1
        assert abs((256.0 - cropped.sum(axis=1 - axis) - expected).mean()) < 0.1


def test_flip_mirrors_both_or_neither(call):
    image = tf.constant(np.arange(12, dtype=np.float32).reshape(1, 4, 3))
    label = tf.constant([[0, 1, 2, 3]], tf.uint8)
    kept_image, kept_label = call(augment.flip_if, False, image, label)
    np.testing.assert_array_equal(kept_image, image)
    np.testing.assert_array_equal(kept_label, label)
    flipped_image, flipped_label = call(augment.flip_if, True, image, label)
    np.testing.assert_array_equal(flipped_image[0], [[9, 10, 11], [6, 7, 8], [3, 4, 5], [0, 1, 2]])
    np.testing.assert_array_equal(flipped_label, [[3, 2, 1, 0]])


def test_half_of_the_samples_are_mirrored():
    ranges = augment.Augmentation(scale=(1.0, 1.0)).with_color_jitter(0)
    rows = []
    for number in range(64):
        _, label = augment.augment(tf.constant(IMAGE), tf.constant(LABEL), tf.constant([1, number]), (4, 4), ranges)
        rows.append(label.numpy()[0].tolist())
    assert rows.count([0, 1, 2, 3]) + rows.count([3, 2, 1, 0]) == 64
    assert 20 <= rows.count([3, 2, 1, 0]) <= 44


def test_no_changes_of_color_leave_colors_as_they_are(call):
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    ranges = augment.Augmentation(scale=(1.0, 1.0), flip=False).with_color_jitter(0)
    augmented, _ = call(
        lambda image, label: augment.augment(image, label, tf.constant([1, 2]), (4, 4), ranges), image, LABEL
    )
    np.testing.assert_allclose(augmented, image / 255.0, atol=1e-7)


@pytest.mark.parametrize(("scaled", "shown"), [((2, 2), 1), ((4, 4), 2), ((8, 8), 4)], ids=["half", "same", "twice"])
def test_colors_change_at_every_scale_and_the_border_stays_black(call, scaled, shown):
    def function(image, label):
        window = Window(*(tf.constant(pair) for pair in ((0, 0), (4, 4), scaled, (2, 0))))
        transform = augment.color_transform(brightness=0.2, contrast=0.5, saturation=1.0, hue=0.0)
        return augment.scaled_crop(image, label, window, (12, 8), transform)

    image, _ = call(function, np.full((4, 4, 3), 51, np.uint8), LABEL)
    # 0.5 * (0.2 - 0.5) + 0.5 + 0.2
    np.testing.assert_allclose(image[2 : 2 + 2 * shown, : 2 * shown], 0.55, atol=1e-6)
    assert image[:2].max() == image[2 + 2 * shown :].max(initial=0) == 0


def test_the_same_seed_gives_the_same_and_another_seed_another(call):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 60, 3), np.uint8)
    label = rng.integers(0, 5, (40, 60), np.uint8)

    def function(seed):
        return augment.augment(tf.constant(image), tf.constant(label), seed, (32, 48), augment.Augmentation())

    first = call(function, np.array([1, 2], np.int32))
    again = _eager(function, np.array([1, 2], np.int32))
    other = call(function, np.array([1, 3], np.int32))
    assert first[0].shape == (32, 48, 3) and first[1].shape == (32, 48)
    # Compiled and eager arithmetic may differ in the last bit of a float; labels may not differ at all.
    np.testing.assert_allclose(first[0], again[0], atol=1e-5)
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0] - other[0]).max() > 0.05
