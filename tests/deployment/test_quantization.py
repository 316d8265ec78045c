"""int8 files: what they compute, what they cost, and the layers that may stay in float32."""

import json

import keras
import numpy as np
import pytest

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.engines.litert import LiteRTEngine
from contextnet_tf.deployment.engines.tflite_file import read_tflite
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.network import pooling_as_convolution
from contextnet_tf.deployment.parity import check_parity
from contextnet_tf.deployment.tflite.graph import TFLiteGraph
from contextnet_tf.deployment.tflite.layer_errors import layer_errors
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model

SIZE = (32, 32)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return fold_batch_norm(build_model("cn14", num_classes=3, input_shape=(*SIZE, 3)))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Smooth images, as a camera's: random colors at every 8th pixel and a blend between them."""
    coarse = np.random.default_rng(5).uniform(0, 255, (4, 4, 4, 3))
    return keras.ops.convert_to_numpy(keras.ops.image.resize(coarse, SIZE)).astype(np.uint8)


@pytest.fixture(scope="module")
def files(network, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for precision in ("float32", "float16", "int8"):
        export_tflite(network, folder / f"{precision}.tflite", precision, calibration=images)
    export_tflite(network, folder / "as_it_is.tflite", tiling=False)
    return folder


def one_convolution(kernel: list[float], bias: float = 0.0) -> keras.Model:
    """The weighted sum of red, green and blue, beside its opposite; images of 4 x 4."""
    image = keras.Input((4, 4, 3))
    convolution = keras.layers.Conv2D(2, 1, name="classifier")
    model = keras.Model(image, {"main": convolution(image)})
    column = np.array(kernel, np.float32)
    convolution.set_weights([np.stack([column, -column], axis=-1)[None, None], np.array([bias, -bias], np.float32)])
    return model


def test_int8_by_hand(tmp_path):
    # Red alone, from 0 to 1, and its opposite: the logits reach from -1 to 1 in 255 steps of 2/255. The kernel's
    # largest weight is 127 steps of 1/127, so that red = 1 comes out as 1 but for half a step.
    black, red = np.zeros((2, 4, 4, 3), np.uint8)
    red[..., 0] = 255
    export_tflite(one_convolution([1, 0, 0]), tmp_path / "model.tflite", "int8", calibration=[black, red])
    engine = LiteRTEngine(tmp_path / "model.tflite")
    assert read_tflite(tmp_path / "model.tflite").scale == pytest.approx(2 / 255, rel=1e-6)
    for value, expected in ((0, 0.0), (255, 1.0), (102, 0.4)):
        image = np.zeros((4, 4, 3), np.uint8)
        image[..., 0] = value
        logits = engine.logits(image)
        np.testing.assert_allclose(logits, np.broadcast_to([expected, -expected], (4, 4, 2)), atol=1.01 / 255)
    # What the calibration images did not reach is clipped: all three colors would be 3.
    export_tflite(one_convolution([1, 1, 1]), tmp_path / "model.tflite", "int8", calibration=[black, red])
    white = np.full((4, 4, 3), 255, np.uint8)
    np.testing.assert_allclose(LiteRTEngine(tmp_path / "model.tflite").logits(white)[..., 0], 1.0, atol=1.01 / 255)


def test_the_images_scale_is_exact_whatever_the_calibration_images_reach(tmp_path):
    dark = np.full((2, 4, 4, 3), 3, np.uint8)
    export_tflite(one_convolution([1, 0, 0]), tmp_path / "model.tflite", "int8", calibration=dark)
    (details,) = LiteRTEngine(tmp_path / "model.tflite")._interpreter.get_input_details()
    assert details["quantization"] == (pytest.approx(1 / 255, rel=1e-7), 0)
    inside = [
        x["quantization"]
        for x in LiteRTEngine(tmp_path / "model.tflite")._interpreter.get_tensor_details()
        if x["dtype"] == np.int8 and x["shape"].tolist() == [1, 4, 4, 3]
    ]
    assert inside == [(pytest.approx(1 / 255, rel=1e-7), -128)]


def test_files_of_every_precision_agree_with_the_network(files, network, images):
    float16 = check_parity(files / "float16.tflite", network, images)
    assert float16.largest_difference < 0.01 * float16.largest_logit and float16.label_parity > 0.99
    int8 = check_parity(files / "int8.tflite", network, images)
    assert int8.largest_difference < 0.25 * int8.largest_logit and int8.label_parity > 0.85


def test_float16_files_let_xnnpack_compute_in_float16(files):
    # XNNPACK's delegate takes the hint only with sums in float16, "accfp16".
    def hint(name):
        model = TFLiteGraph((files / f"{name}.tflite").read_bytes())._model
        metadata = {entry.name: bytes(model.buffers[entry.buffer].data) for entry in model.metadata}
        return metadata.get(b"reduced_precision_support")

    assert (hint("float16"), hint("float32"), hint("int8")) == (b"fp16accfp16", None, None)


def test_sizes_are_as_the_precisions_say(files):
    # 844,115 weights and biases (846,179 with 19 classes, less 16 x 129) of 4, 2 and 1 byte, and 50 to 100 kB of
    # graph. The biases of an untrained network, some 9,000, are all zero and stand in the file once for each length; in
    # int8 there are biases of 4 bytes and a scale and a name for each channel too.
    sizes = {name: (files / f"{name}.tflite").stat().st_size for name in ("float32", "float16", "int8")}
    assert 3.33e6 < sizes["float32"] < 3.43e6
    assert 1.66e6 < sizes["float16"] < 1.80e6
    assert 0.84e6 < sizes["int8"] < 1.20e6


def test_every_layer_has_its_error(files, images):
    errors = layer_errors(files / "as_it_is.tflite", files / "int8.tflite", images)
    assert len(errors) == 49 and next(iter(errors)) == "context_conv1" and list(errors)[-1] == "classifier"
    assert all(0 < error < 0.5 for error in errors.values())
    # The first layer sees an exact image; what is behind has the errors of all before it.
    assert errors["detail_conv1"] < 0.02 < errors["context_bottleneck6_2_project"]
    half = layer_errors(files / "as_it_is.tflite", files / "float16.tflite", images)
    assert max(half.values()) < 0.01
    same = layer_errors(files / "as_it_is.tflite", files / "as_it_is.tflite", images)
    assert set(same.values()) == {0.0}


def test_errors_by_hand(tmp_path):
    # The second file's logits are 1.25 times those of the first.
    image = np.full((4, 4, 3), 255, np.uint8)
    export_tflite(one_convolution([0.2, 0.4, 0.4]), tmp_path / "first.tflite")
    export_tflite(one_convolution([0.25, 0.5, 0.5]), tmp_path / "second.tflite")
    errors = layer_errors(tmp_path / "first.tflite", tmp_path / "second.tflite", [image])
    assert errors == {"classifier": pytest.approx(0.25, rel=1e-5)}


def test_a_layer_that_suffers_is_mended_by_float32(tmp_path):
    # Blue has a thousandth of red's weight, but red is never there: in int8, of one kernel's 127 steps none is left
    # for blue. Both channels of the image differ so in a channel's own kernel that no scale of its own helps.
    blue = np.zeros((2, 4, 4, 3), np.uint8)
    blue[1, ..., 2] = 255
    model = one_convolution([1.0, 0.0, 0.001])
    errors = {}
    export_tflite(model, tmp_path / "float32.tflite")
    for layers in ((), ("classifier",)):
        export_tflite(model, tmp_path / "int8.tflite", "int8", calibration=blue, float_layers=layers)
        errors |= {layers: layer_errors(tmp_path / "float32.tflite", tmp_path / "int8.tflite", blue)["classifier"]}
    assert errors[()] == pytest.approx(1.0)
    assert errors["classifier",] < 1e-5
    assert json.loads((tmp_path / "int8.json").read_text())["float_layers"] == ["classifier"]


def test_layers_are_found_by_their_keras_names(files, network):
    names = list(TFLiteGraph((files / "as_it_is.tflite").read_bytes()).layer_outputs())
    convolutions = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    assert sorted(names) == sorted(x.name for x in network.layers if isinstance(x, convolutions))


def test_pooling_as_a_convolution_computes_the_same(images):
    image = keras.Input((*SIZE, 3))
    tiles = keras.layers.AveragePooling2D((4, 2), name="tiles")(image)
    overlapping = keras.layers.AveragePooling2D(3, strides=1, name="overlapping")(tiles)
    model = keras.Model(image, {"main": overlapping})
    model.compile(optimizer="sgd", loss="mse")
    copy = pooling_as_convolution(model)
    assert isinstance(copy.get_layer("tiles"), keras.layers.DepthwiseConv2D)
    assert isinstance(copy.get_layer("overlapping"), keras.layers.AveragePooling2D)
    assert not copy.compiled
    floats = images / np.float32(255)
    np.testing.assert_allclose(copy(floats)["main"], model(floats)["main"], rtol=1e-5)


def test_what_cannot_be_quantized_is_refused_and_nothing_is_written(network, images, tmp_path):
    target = tmp_path / "model.tflite"
    for calibration in (None, images[:0], images[:1]):
        with pytest.raises(InputError, match=r"images of the training split: \d given, at least 2 are needed"):
            export_tflite(network, target, "int8", calibration=calibration)
    with pytest.raises(InputError, match=r"image is uint8 \[16, 32, 3\]; it must be uint8 \[32, 32, 3\]"):
        export_tflite(network, target, "int8", calibration=images[:, :16])
    with pytest.raises(InputError, match=r"image is float32 \[32, 32, 3\]; it must be uint8"):
        export_tflite(network, target, "int8", calibration=images.astype(np.float32))
    with pytest.raises(InputError, match="'fusion' is not a layer with a kernel; choose from: context_downsample, "):
        export_tflite(network, target, "int8", calibration=images, float_layers=["fusion"])
    with pytest.raises(InputError, match="float_layers are for precision 'int8'"):
        export_tflite(network, target, float_layers=["classifier"])
    with pytest.raises(InputError, match="output 'colors' is not available; choose from: logits, labels, prob"):
        export_tflite(network, target, output="colors")
    assert list(tmp_path.iterdir()) == []


def test_files_of_other_networks_have_no_layer_in_common(files, images, tmp_path):
    image = keras.Input((*SIZE, 3))
    export_tflite(keras.Model(image, {"main": keras.layers.Conv2D(2, 1, name="other")(image)}), tmp_path / "o.tflite")
    with pytest.raises(
        InputError, match="o.tflite: has no layer of .*as_it_is.tflite; both must be files of the same network"
    ):
        layer_errors(files / "as_it_is.tflite", tmp_path / "o.tflite", images)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_labels_and_probabilities_are_those_of_the_network(precision, network, images, tmp_path):
    parities = {}
    for output in ("labels", "probabilities"):
        export_tflite(network, tmp_path / f"{output}.tflite", precision, output=output, calibration=images)
        parities[output] = check_parity(tmp_path / f"{output}.tflite", network, images)
    least = {"float32": 0.999, "float16": 0.99, "int8": 0.85}[precision]
    most = {"float32": 1e-4, "float16": 0.02, "int8": 0.3}[precision]
    assert parities["labels"].largest_difference is None
    assert parities["probabilities"].largest_difference < most
    assert all(x.label_parity > least for x in parities.values())
    engine = LiteRTEngine(tmp_path / "probabilities.tflite")
    probabilities = engine.logits(images[0])
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (32, 32, 3))
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1.0, rtol=1e-5)
    labels = LiteRTEngine(tmp_path / "labels.tflite").logits(images[0])
    assert (labels.dtype, labels.shape) == (np.uint8, (32, 32))
    assert json.loads((tmp_path / "labels.json").read_text())["output"] == "labels"
