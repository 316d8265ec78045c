"""TFLite files in bands of rows against the same files whole, and against the network."""

import collections

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_of_a_trained_network import with_statistics
from xnnpack_parts import partitions_and_others

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.tflite.graph import TFLiteGraph
from contextnet_tf.deployment.tflite.row_tiling import tile_rows
from contextnet_tf.models.registry import build_model

SIZE = (160, 64)


def tiled(content: bytes, *most_bytes: int, **options: int) -> bytes:
    """The file `content` after `tile_rows`."""
    graph = TFLiteGraph(content)
    tile_rows(graph, *most_bytes, **options)
    return graph.content()


def whole_file(folder, network: keras.Model, precision: str = "float32", output: str = "logits") -> bytes:
    export_tflite(network, folder / "model.tflite", precision, output=output, tiling=False)
    return (folder / "model.tflite").read_bytes()


def network_of(name: str, size=SIZE) -> keras.Model:
    keras.utils.set_random_seed(0)
    return fold_batch_norm(with_statistics(build_model(name, num_classes=3, input_shape=(*size, 3))))


@pytest.fixture(scope="module")
def cn14(tmp_path_factory):
    return whole_file(tmp_path_factory.mktemp("cn14"), network_of("cn14"))


def image_of(size) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, *size, 3), dtype=np.uint8)


def run(content: bytes) -> np.ndarray:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(image["index"], image_of(image["shape"][1:3]))
    interpreter.invoke()
    return interpreter.get_tensor(output["index"])


def operators(content: bytes) -> collections.Counter:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return collections.Counter(operator["op_name"] for operator in interpreter._get_ops_details())


def test_the_same_numbers(cn14):
    banded = tiled(cn14, most_bytes=1)
    np.testing.assert_array_equal(run(banded), run(cn14))
    more = operators(banded) - operators(cn14)
    # From the image down, bands of 64, 64 and 32 rows. The context branch's first convolution and the detail branch's
    # second separable one end it; of each the first two bands have a row too much. From the image on those are the
    # DEQUANTIZE, the pooling, two convolutions, the point-wise one and two depth-wise ones.
    # The end, 20 rows in bands of 8, 8 and 4: four convolutions and a sum, of two inputs.
    assert more == {
        "SLICE": 3 + 2 * 2 + 3 * 2,
        "CONCATENATION": 2 + 1,
        "DEQUANTIZE": 2,
        "AVERAGE_POOL_2D": 2,
        "CONV_2D": 2 * 3 + 2 * 4,
        "DEPTHWISE_CONV_2D": 2 * 2,
        "ADD": 2,
    }


@pytest.mark.parametrize("name", ["cn12", "cn18", "cn124", "icnet"])
def test_other_networks(name, tmp_path):
    size = (256, 64)
    network = network_of(name, size)
    whole = whole_file(tmp_path, network)
    banded = tiled(whole, most_bytes=1)
    assert operators(banded)["CONCATENATION"] > operators(whole)["CONCATENATION"]
    np.testing.assert_array_equal(run(banded), run(whole))


@pytest.mark.parametrize("output", ["labels", "probabilities"])
def test_other_outputs(output, tmp_path):
    whole = whole_file(tmp_path, network_of("cn14"), output=output)
    banded = tiled(whole, most_bytes=1)
    assert operators(banded)["SLICE"] == 13
    np.testing.assert_array_equal(run(banded), run(whole))


def test_float16_kernels_are_unpacked_once(tmp_path):
    whole = whole_file(tmp_path, network_of("cn14"), "float16")
    banded = tiled(whole, most_bytes=1)
    assert operators(banded)["DEQUANTIZE"] == operators(whole)["DEQUANTIZE"] + 2  # of the image's bands
    np.testing.assert_array_equal(run(banded), run(whole))


def convolutions(height: int, width: int, strides: list[int]) -> keras.Model:
    """Convolutions of these strides, 3 x 3 where it is 2 and 1 x 1 where it is 1."""
    keras.utils.set_random_seed(0)
    image = x = keras.Input((height, width, 3))
    for stride in strides:
        x = keras.layers.Conv2D(4, 2 * stride - 1, strides=stride, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(2, 1, name="classifier")(keras.layers.DepthwiseConv2D(3, padding="same")(x))
    return keras.Model(image, {"main": x})


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 20), st.lists(st.sampled_from([1, 2]), min_size=2, max_size=4), st.integers(1, 20_000))
def test_any_height(tmp_path_factory, units, strides, most_bytes):
    network = convolutions(units * int(np.prod(strides)), 16, strides)  # 16 is the greatest product of strides
    whole = whole_file(tmp_path_factory.mktemp("any"), network)
    np.testing.assert_array_equal(run(tiled(whole, most_bytes)), run(whole))


def test_a_band_sees_what_is_below_it(tmp_path):
    # The first convolution adds three rows up, the second takes the last of its own three: row r of the result is the
    # sum of the rows 4r + 4 to 4r + 6 of the image, and below it there is nothing.
    image = keras.Input((64, 4, 3))
    first, second = (keras.layers.Conv2D(1, 3, strides=2, padding="same", use_bias=False) for _ in range(2))
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="classifier")(second(first(image)))
    network = keras.Model(image, {"main": x})
    add, last = np.zeros((3, 3, 3, 1), np.float32), np.zeros((3, 3, 1, 1), np.float32)
    add[:, 0, 0] = 255
    last[2, 0] = 1
    network.set_weights([add, last, np.ones((1, 1, 1, 1), np.float32)])
    banded = tiled(whole_file(tmp_path, network), most_bytes=1)
    red = image_of((64, 4))[0, :, 0, 0].astype(np.float32)
    expected = np.append(red, np.zeros(4))[4:].reshape(-1, 4)[:, :3].sum(axis=1)
    np.testing.assert_allclose(run(banded)[0, :, 0, 0], expected, rtol=1e-6)
    assert operators(banded)["SLICE"] == 2 + 1  # two bands, the first with a row too much


def test_xnnpack_runs_the_bands_as_one_part(cn14):
    assert partitions_and_others(tiled(cn14, most_bytes=1)) == (1, [])


def test_every_tensor_has_a_name_of_its_own(cn14):
    tensors = Interpreter(model_content=tiled(cn14, most_bytes=1)).get_tensor_details()
    names = [tensor["name"] for tensor in tensors if tensor["name"]]
    assert len(set(names)) == len(names)


def test_openvino_runs_the_bands(cn14, tmp_path):
    pytest.importorskip("openvino")
    banded = tiled(cn14, most_bytes=1)
    (tmp_path / "model.tflite").write_bytes(banded)
    engine = ENGINES["openvino-float32"](tmp_path / "model.tflite", None)
    found = engine.logits(image_of(SIZE)[0])
    np.testing.assert_allclose(found, run(cn14)[0], rtol=1e-3, atol=1e-3)


def test_what_is_small_stays_whole(cn14):
    assert operators(tiled(cn14)) == operators(cn14)


def test_a_single_convolution_stays_whole(tmp_path):
    whole = whole_file(tmp_path, convolutions(64, 8, [2]))
    assert operators(tiled(whole, most_bytes=1)) == operators(whole)


def test_many_bands_are_joined_a_few_at_a_time(tmp_path):
    # 18 bands are 5 groups of 4 or fewer, then 2, then the whole.
    whole = whole_file(tmp_path, convolutions(18 * 32, 8, [2, 2]))
    banded = tiled(whole, most_bytes=1)
    assert operators(banded)["CONCATENATION"] == 5 + 1 + 1
    assert partitions_and_others(banded) == (1, [])
    np.testing.assert_array_equal(run(banded), run(whole))


def test_exported_files_are_banded_where_they_are_large(tmp_path):
    network = network_of("cn14", (512, 1024))
    export_tflite(network, tmp_path / "model.tflite")
    # The first convolution's 16 MiB in 4 bands; the end's tensors have 4 MiB at most.
    assert operators((tmp_path / "model.tflite").read_bytes())["SLICE"] == 4 + 2 * 3
