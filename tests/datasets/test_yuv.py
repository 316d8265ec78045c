"""Overlays in YUV: the colors of `overlay` by the formula of BT.601, sizes, and what is left alone."""

import numpy as np
import pytest

from contextnet_tf.datasets.colors import overlay
from contextnet_tf.datasets.yuv import YUVFrames

ROAD, SKY = (128, 64, 128), (70, 130, 180)


def planes_of(frame) -> list[np.ndarray]:
    """Y [H, W], U and V [H/2, W/2] by PyAV's own reading."""
    height, width = frame.height, frame.width
    values = frame.to_ndarray().reshape(-1)
    y, uv = values[: height * width], values[height * width :]
    return [y.reshape(height, width), *uv.reshape(2, height // 2, width // 2)]


def bt601(image: np.ndarray) -> list[np.ndarray]:
    """The planes by the formula, float; U and V of the upper left of four pixels."""
    r, g, b = np.moveaxis(image.astype(float) / 255, -1, 0)
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112 * b
    v = 128 + 112 * r - 93.786 * g - 18.214 * b
    return [y, u[::2, ::2], v[::2, ::2]]


def test_a_frame_by_hand():
    frame = YUVFrames(2, 2, [ROAD, SKY]).frame(
        np.full((2, 2, 3), 255, np.uint8), np.array([[0, 1], [255, 0]], np.uint8)
    )
    # White is (235, 128, 128), road (93.7, 146.6, 151.5), sky (117.1, 158.9, 98.1); 255 keeps the image's color.
    y, u, v = planes_of(frame)
    np.testing.assert_allclose(y, [[164.3, 176.1], [235, 164.3]], atol=1)
    np.testing.assert_allclose([u[0, 0], v[0, 0]], [137.3, 139.8], atol=1)


# The encoder's rows are padded in both; half of the first height is odd.
@pytest.mark.parametrize("size", [(6, 10), (64, 96)])
def test_an_overlay_has_the_colors_of_overlay(size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    labels = rng.choice(np.array([0, 1, 2, 255], np.uint8), size)
    colors = [ROAD, SKY, (255, 0, 255)]
    frames = YUVFrames(*size, colors)
    for given, expected in [(labels, overlay(image, labels, colors)), (None, image), (labels // 255, None)]:
        expected = overlay(image, given, colors) if expected is None else expected
        for plane, values in zip(planes_of(frames.frame(image, given)), bt601(expected), strict=True):
            np.testing.assert_allclose(plane, values, atol=1.6)


def test_frames_do_not_share_memory_and_leave_their_arguments_alone():
    image, labels = np.full((4, 4, 3), 200, np.uint8), np.ones((4, 4), np.uint8)
    frames = YUVFrames(4, 4, [ROAD, SKY])
    first = frames.frame(image, labels)
    before = planes_of(first)[0].tolist()
    frames.frame(np.zeros_like(image), labels)
    assert planes_of(first)[0].tolist() == before
    assert (image == 200).all() and (labels == 1).all()


def test_odd_and_other_sizes():
    image, labels = np.full((5, 7, 3), 90, np.uint8), np.zeros((5, 7), np.uint8)
    labels[:, 6] = 1  # a column that is dropped
    frames = YUVFrames(4, 6, [ROAD, SKY])
    road = bt601(overlay(np.full((4, 6, 3), 90, np.uint8), np.zeros((4, 6), np.uint8), [ROAD]))
    for size in (1, 2):
        sized = [x.repeat(size, axis=0).repeat(size, axis=1)[:, : 6 * size] for x in (image, labels)]
        for plane, values in zip(planes_of(frames.frame(*sized)), road, strict=True):
            np.testing.assert_allclose(plane, values, atol=1.6)


def test_256_colors_have_no_ignored_id():
    frame = YUVFrames(2, 2, [(255, 255, 255)] * 256).frame(
        np.zeros((2, 2, 3), np.uint8), np.full((2, 2), 255, np.uint8)
    )
    np.testing.assert_allclose(planes_of(frame)[0], 125.5, atol=1)
