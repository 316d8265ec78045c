"""Files that version 0.1 exported, whose input was named "picture", run and are described by the present names."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.deployment.metadata import read_metadata
from contextnet_tf.deployment.segmenter import Segmenter

RUN = pathlib.Path(__file__).parents[1] / "golden" / "run"


@pytest.fixture(scope="module")
def expected():
    with np.load(RUN / "expected.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", ["model", "model_int8"])
def test_the_labels_are_those_of_version_0_1(name, expected):
    segmenter = Segmenter(RUN / "export" / f"{name}.tflite")
    assert np.array_equal(segmenter.segment(expected["image"]), expected[f"{name}_labels"])


def test_the_metadata_have_the_present_keys():
    metadata = read_metadata(RUN / "export" / "model_int8.tflite")
    assert metadata["image"]["size"] == [64, 128] and metadata["image"]["size_multiple"] == 16
    assert metadata["classes"][0] == {"name": "road", "category": "flat", "color": [128, 64, 128]}
    assert metadata["class_table"] is None and metadata["calibration_images"] == 6
    assert not {"picture", "definition", "calibration_pictures"} & metadata.keys()
    assert Segmenter(RUN / "export" / "model_int8.tflite").metadata == metadata


def test_a_saved_model_whose_input_is_named_picture(tmp_path):
    module = tf.Module()
    module.scale = tf.Variable([1.0, 2.0])

    @tf.function(input_signature=[tf.TensorSpec([None, 4, 6, 3], tf.uint8, name="picture")])
    def logits(picture):
        return {"logits": tf.cast(picture[..., :1], tf.float32) * module.scale - tf.constant([0.0, 100.0])}

    tf.saved_model.save(module, str(tmp_path / "saved_model"), signatures={"logits": logits})
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:] = 200  # 200 and 2 * 200 - 100: the second class is larger
    labels = Segmenter(tmp_path / "saved_model", engine="tensorflow").segment(image)
    assert labels.tolist() == [[0, 0, 0, 1, 1, 1]] * 4
