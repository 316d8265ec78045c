"""Which images are padded rather than resized, and how."""

import numpy as np
import pytest
from color_network import color_network, of_blocks

from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.resizing import is_padded, most_padding, resize_image
from contextnet_tf.deployment.segmenter import Segmenter


@pytest.fixture(params=["litert", "tensorflow"], scope="module")
def segmenter(request, tmp_path_factory):
    """For images of 16 x 24, whose size multiple is 8."""
    if request.param == "tensorflow":
        return Segmenter(color_network((16, 24)), engine="tensorflow")
    path = tmp_path_factory.mktemp("colors") / "model.tflite"
    export_tflite(color_network((16, 24)), path)
    return Segmenter(path)


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


def of_columns(height: int, columns: str) -> np.ndarray:
    """An image of `height` rows whose columns are "r", "g" or "b"."""
    return of_blocks(columns)[:1, ::8].repeat(height, axis=0)


@pytest.mark.parametrize(
    ("height", "columns"),
    [
        (1, "g"),
        (16, "rgb"),
        (17, "r" * 8 + "g" * 9 + "b" * 8),
        (100, "rrgggbb"),
        (5, "r" * 100 + "g" * 100 + "b" * 100),
    ],
)
def test_images_of_other_sizes_are_resized_and_their_labels_back(segmenter, height, columns):
    # Padded to 24 columns, blue ones, the narrow images would be blue in whole blocks.
    labels = segmenter.segment(of_columns(height, columns))
    assert labels.tolist() == [["rgb".index(letter) for letter in columns]] * height


def test_one_row_decides_between_padding_and_resizing(segmenter):
    # The last row is repeated to 8 rows, a whole block; resized, it would be less than half a block, and lost.
    nine = np.concatenate([of_columns(8, "r" * 24), of_columns(1, "g" * 24)])
    assert segmenter.segment(nine).tolist() == [[0] * 24] * 8 + [[1] * 24]
    # 8 rows lack a whole block. Resized, three red rows are most of a block; padded, they would be the smaller part.
    eight = np.concatenate([of_columns(3, "r" * 24), of_columns(5, "g" * 24)])
    assert segmenter.segment(eight).tolist() == [[0] * 24] * 3 + [[1] * 24] * 5
