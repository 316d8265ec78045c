import cv2
import numpy as np

from contextnet_tf.files import write_png
from contextnet_tf.runs.predictions import is_of_image, write_prediction

LABELS = np.array([[0, 3, 255]], np.uint8)
DIGEST = "0123456789abcdef"


def test_a_prediction_is_of_the_image_that_it_was_made_from_alone(tmp_path):
    write_prediction(tmp_path / "a.png", LABELS, DIGEST)
    assert is_of_image(tmp_path / "a.png", DIGEST)
    assert not is_of_image(tmp_path / "a.png", "0" * 16)
    assert cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED).tolist() == [[0, 3, 255]]


def test_a_prediction_without_a_digest_is_of_any_image(tmp_path):
    write_prediction(tmp_path / "a.png", LABELS, None)
    write_png(tmp_path / "b.png", LABELS)  # as version 0.1 did
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert is_of_image(tmp_path / "b.png", DIGEST)
