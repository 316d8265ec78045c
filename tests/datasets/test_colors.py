import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.datasets.colors import colorize, legend, overlay

ROAD, SKY = (128, 64, 128), (70, 130, 180)


def test_colorize_gives_each_train_id_its_color_and_black_to_ignored_pixels():
    labels = np.array([[0, 1, 255], [1, 0, 2]], np.uint8)
    expected = [[ROAD, SKY, (0, 0, 0)], [SKY, ROAD, (0, 0, 0)]]
    colored = colorize(labels, [ROAD, SKY])
    assert colored.dtype == np.uint8
    assert colored.tolist() == [[list(color) for color in row] for row in expected]


def test_overlay_is_the_weighted_mean_by_hand():
    image = np.array([[[200, 100, 0], [200, 100, 0], [255, 7, 3]]], np.uint8)
    labels = np.array([[0, 1, 255]], np.uint8)
    # A quarter: (3 x 200 + 128) / 4 = 182, (3 x 100 + 64) / 4 = 91, 128 / 4 = 32; then sky the same way.
    expected = [[[182, 91, 32], [167, 107, 45], [255, 7, 3]]]
    assert overlay(image, labels, [ROAD, SKY], opacity=0.25).tolist() == expected


def test_overlay_rounds_down_for_every_value_and_color():
    image = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 256, 3))
    labels = np.broadcast_to(np.arange(256, dtype=np.uint8), (256, 256))
    colors = [(i, i, i) for i in range(256)]
    for share in (0, 1, 77, 128, 200, 255, 256):
        expected = (image.astype(int) * (256 - share) + np.arange(256)[:, None] * share) // 256
        assert (overlay(image, labels, colors, share / 256) == expected).all()


def test_overlay_leaves_its_arguments_alone():
    image = np.full((2, 2, 3), 9, np.uint8)
    labels = np.zeros((2, 2), np.uint8)
    overlay(image, labels, [ROAD])
    assert image.tolist() == [[[9, 9, 9]] * 2] * 2 and labels.tolist() == [[0, 0], [0, 0]]


def test_a_palette_of_256_colors_has_no_ignored_id():
    labels = np.array([[255]], np.uint8)
    assert colorize(labels, [(1, 2, 3)] * 256).tolist() == [[[1, 2, 3]]]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 255), st.integers(0, 255), st.floats(0, 1))
def test_overlay_lies_between_image_and_color(value, color, opacity):
    image = np.full((1, 1, 3), value, np.uint8)
    blended = overlay(image, np.zeros((1, 1), np.uint8), [(color, color, color)], opacity)
    low, high = sorted((value, color))
    assert np.all((blended >= low) & (blended <= high))
    assert overlay(image, np.zeros((1, 1), np.uint8), [(color,) * 3], 0.0)[0, 0, 0] == value
    assert overlay(image, np.zeros((1, 1), np.uint8), [(color,) * 3], 1.0)[0, 0, 0] == color


def test_a_legend_has_a_row_of_its_color_and_name_for_each_class():
    image = legend(["road", "sky"], [ROAD, SKY])
    assert image.shape[0] == 48 and image.dtype == np.uint8
    assert (tuple(image[12, 16]), tuple(image[36, 16])) == (ROAD, SKY)
    names = image[:, 40:]
    assert (names[:24] < 128).any() and (names[24:] < 128).any()
    assert legend(["road", "sky", "x" * 40], [ROAD, SKY, (0, 0, 0)]).shape[1] > 300
