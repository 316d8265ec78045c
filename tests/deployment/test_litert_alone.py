"""The example of docs/runtimes.md, which runs an exported file where this package is not."""

import pathlib
import re
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest

from contextnet_tf.deployment.export import export_tflite

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "runtimes.md"


def color_network() -> keras.Model:
    """Labels each 8 x 8 block by its strongest color: red 0, green 1, blue 2."""
    image = keras.Input((16, 24, 3))
    convolution = keras.layers.Conv2D(3, 8, strides=8, use_bias=False, name="classifier")
    logits = keras.layers.UpSampling2D(8, interpolation="bilinear", name="main")(convolution(image))
    convolution.set_weights([np.broadcast_to(np.eye(3), (8, 8, 3, 3))])
    return keras.Model(image, {"main": logits}, name="colors")


@pytest.fixture(scope="module")
def example():
    """The program's text, made such that any import of this package fails."""
    found = re.search(r"<!-- example: litert -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return 'import sys\nsys.modules["contextnet_tf"] = sys.modules["tensorflow"] = None\n' + found.group(1)


def test_it_has_at_most_ten_lines(example):
    assert len([line for line in example.splitlines()[2:] if line]) <= 10


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_image_becomes_a_image_of_labels(example, precision, tmp_path):
    image = np.zeros((16, 24, 3), np.uint8)
    image[:, :8, 0] = image[:, 8:16, 1] = image[:, 16:, 2] = 255  # red, green and blue from left to right
    export_tflite(color_network(), tmp_path / "model.tflite", precision, calibration=[image, image[:, ::-1]])
    # As large as the file's images, and twice as large.
    for factor in (1, 2):
        large = image.repeat(factor, axis=0).repeat(factor, axis=1)
        cv2.imwrite(str(tmp_path / "frame.png"), large[..., ::-1])
        command = [sys.executable, "-c", example, "model.tflite", "frame.png", "labels.png"]
        finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        labels = cv2.imread(str(tmp_path / "labels.png"), cv2.IMREAD_UNCHANGED)
        expected = [[0] * 8 * factor + [1] * 8 * factor + [2] * 8 * factor] * 16 * factor
        assert labels.tolist() == expected
