"""Column packing of int8 files: the same logits, bit for bit, from a reshaped image."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from xnnpack_parts import partitions_and_others

from contextnet_tf.deployment.engines.litert import LiteRTEngine
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.tflite.graph import TFLiteGraph

SIDE = 32


def network(pool: int, strides: int) -> keras.Model:
    """Average pooling of the image, and of a convolution of the image, side by side in front of the classifier."""
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 3))
    small = keras.layers.AveragePooling2D(pool, name="pool")(image)
    settings = {"padding": "same", "activation": "relu6", "bias_initializer": "uniform", "name": "first"}
    features = keras.layers.Conv2D(5, 3, strides, **settings)(image)
    smaller = keras.layers.AveragePooling2D(pool // strides, name="other_pool")(features)
    together = keras.layers.Concatenate()([small, smaller])
    return keras.Model(image, {"main": keras.layers.Conv2D(4, 1, name="classifier")(together)})


def exported(model: keras.Model, path, images: np.ndarray, **settings) -> LiteRTEngine:
    export_tflite(model, path, "int8", calibration=images, **settings)
    return LiteRTEngine(path)


def operators(path) -> list[str]:
    return [x["op_name"] for x in Interpreter(str(path))._get_ops_details() if x["op_name"] != "DELEGATE"]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("pool", "strides", "views"),
    [
        (4, 2, [[1, 32, 8, 12], [1, 32, 16, 6]]),
        (2, 2, [[1, 32, 16, 6]]),  # one view for both
        (16, 1, []),  # 48 channels are enough; with a stride of 1 every column begins a window
    ],
)
def test_the_logits_are_identical(pool, strides, views, images, tmp_path):
    model = network(pool, strides)
    plain = exported(model, tmp_path / "plain.tflite", images, tiling=False)
    packed = exported(model, tmp_path / "packed.tflite", images)
    for image in images:
        logits = plain.logits(image)
        assert logits.std() > 0
        np.testing.assert_array_equal(packed.logits(image), logits)
    content = (tmp_path / "packed.tflite").read_bytes()
    graph = TFLiteGraph(content)
    found = [x.shape for x in graph.tensors if x.name.decode() in ("columns_2", "columns_4", "columns_16")]
    assert sorted(map(list, found)) == views
    assert operators(tmp_path / "packed.tflite").count("RESHAPE") == len(views)
    assert partitions_and_others(content) == (1, ["QUANTIZE", "QUANTIZE"])
