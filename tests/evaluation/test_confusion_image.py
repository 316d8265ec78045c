"""The image of a confusion matrix: one cell a pair of classes, as dark as the share of its row."""

import numpy as np

from contextnet_tf.evaluation.confusion_image import confusion_image


def test_cells_are_as_dark_as_their_share():
    image = confusion_image(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 7]]), ["road", "sky", "car"])
    # Three cells of 34 pixels before a frame of 8; the names above and beside them take the rest.
    height, width, _ = image.shape
    assert image.dtype == np.uint8 and height == width
    start = height - 8 - 3 * 34
    corners = image[start + 3 :: 34, start + 3 :: 34][:3, :3]  # no number is written there
    white, blue = [255, 255, 255], [8, 48, 107]
    # 255 - share * (255 - color)
    assert corners.tolist() == [
        [[69, 99, 144], [193, 203, 218], white],
        [white, white, white],
        [white, white, blue],
    ]
    inner = image[start + 1 : start + 34, start + 1 : start + 34]
    assert inner.min(axis=-1).max() > 150  # "75" in white on dark
    assert (image[start:, :start] < 128).any() and (image[:start, start:] < 128).any()  # the names
