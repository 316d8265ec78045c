"""What LiteRTEngine and Segmenter make of the outputs that a file may have: quantized logits, labels."""

import json

import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.deployment.engines.litert import LiteRTEngine
from contextnet_tf.deployment.resizing import fit_labels
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError


def converter_of(function, dtype) -> tf.lite.TFLiteConverter:
    """A converter of the function of an image [1, 8, 16, 3]."""
    traced = tf.function(function, input_signature=[tf.TensorSpec([1, 8, 16, 3], dtype)])
    return tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()], tf.Module())


@pytest.fixture
def labels_file(tmp_path):
    """Gives each pixel the number of its strongest channel."""
    converter = converter_of(lambda x: tf.cast(tf.argmax(tf.cast(x, tf.float32), axis=-1), tf.uint8), tf.uint8)
    path = tmp_path / "labels.tflite"
    path.write_bytes(converter.convert())
    return path


@pytest.mark.parametrize("engine", ["litert", "openvino", "openvino-float32"])
@pytest.mark.parametrize("dtype", [tf.uint8, tf.int8])
def test_quantized_logits_become_float32(tmp_path, dtype, engine):
    # The average of 8 x 8 pixels of 0 to 255, and as both ends are in the calibration, one step is one. By convolution:
    # OpenVINO has no int8 pooling for processors without AVX-512.
    kernel = np.eye(3, dtype=np.float32) * np.ones((8, 8, 1, 1), np.float32) / 64
    converter = converter_of(lambda x: tf.nn.conv2d(x, kernel, 8, "VALID"), tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter([[np.full((1, 8, 16, 3), x, np.float32)] for x in (0, 255)])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = tf.uint8, dtype
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    engine = ENGINES[engine](tmp_path / "model.tflite", 1)
    assert (engine.size, engine.num_classes, engine.size_multiple) == ((8, 16), 3, 8)
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, :8] = 10, 200, 30
    image[:, 8:] = 255, 0, 128
    logits = engine.logits(image)
    assert logits.dtype == np.float32
    assert logits.tolist() == [[[10, 200, 30], [255, 0, 128]]]


@pytest.mark.parametrize("engine", ["litert", "openvino"])
@pytest.mark.parametrize("name", ["model", "MODEL.TFLITE", "model.v1"])
def test_the_name_of_a_file_does_not_matter(labels_file, name, engine):
    segmenter = Segmenter(labels_file.rename(labels_file.with_name(name)), engine=engine)
    assert segmenter.segment(np.full((8, 16, 3), (1, 0, 2), np.uint8)).tolist() == [[2] * 16] * 8


def test_labels_of_a_file_are_handed_through(labels_file):
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 4:, 2] = 9
    image[6:, :, 1] = 10
    segmenter = Segmenter(labels_file)
    assert segmenter.num_classes == 256
    expected = [[0] * 4 + [2] * 12] * 6 + [[1] * 16] * 2
    assert segmenter.segment(image).tolist() == expected
    # Twice as large: every pixel of the labels four times.
    larger = image.repeat(2, axis=0).repeat(2, axis=1)
    assert segmenter.segment(larger).tolist() == np.repeat(np.repeat(expected, 2, 0), 2, 1).tolist()


def test_the_number_of_classes_of_a_labels_file_is_in_its_metadata(labels_file):
    metadata = {"num_classes": 3, "image": {"size_multiple": 8}}
    labels_file.with_suffix(".json").write_text(json.dumps(metadata))
    segmenter = Segmenter(labels_file)
    assert segmenter.num_classes == 3
    # Of a size that fits padded, the labels of the padding are cut off.
    image = np.zeros((5, 10, 3), np.uint8)
    image[:, 9, 1] = 1
    assert segmenter.segment(image).tolist() == [[0] * 9 + [1]] * 5


def test_labels_are_fitted_back_as_images_are():
    labels = np.arange(8, dtype=np.uint8).reshape(2, 4)
    assert fit_labels(labels, (1, 3), limit=1).tolist() == [[0, 1, 2]]
    assert fit_labels(labels, (4, 8), limit=1)[::2, ::2].tolist() == labels.tolist()


def test_labels_of_another_size_are_refused(tmp_path):
    converter = converter_of(lambda x: tf.cast(tf.argmax(tf.cast(x[:, ::2], tf.float32), axis=-1), tf.uint8), tf.uint8)
    (tmp_path / "half.tflite").write_bytes(converter.convert())
    with pytest.raises(InputError, match=r"half.tflite: takes uint8 \[1, 8, 16, 3\] and gives uint8 \[1, 4, 16\]; a"):
        LiteRTEngine(tmp_path / "half.tflite")
