"""Which images are padded rather than resized, and how."""

import numpy as np

from contextnet_tf.deployment.resizing import is_padded, most_padding, resize_image


def test_by_default_an_image_is_padded_by_less_than_the_multiple():
    assert most_padding("auto", 8) == 7
    assert is_padded((9, 24), (16, 24), 7) and is_padded((16, 17), (16, 24), 7)
    assert not is_padded((8, 24), (16, 24), 7) and not is_padded((16, 16), (16, 24), 7)
    assert not is_padded((17, 24), (16, 24), 7)


def test_padding_repeats_the_last_row_and_column():
    image = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    padded = resize_image(image, (2, 4), limit=7)
    assert padded.tolist() == [[[1, 2, 3], [4, 5, 6], [4, 5, 6], [4, 5, 6]]] * 2


def test_resizing_averages_where_it_shrinks():
    image = np.array([[[0] * 3, [100] * 3, [10] * 3, [30] * 3]] * 2, np.uint8)
    assert resize_image(image, (1, 2), limit=7).tolist() == [[[50] * 3, [20] * 3]]
