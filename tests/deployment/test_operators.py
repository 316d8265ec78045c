"""Which operators every exported file is made of, and which of them LiteRT's XNNPACK takes."""

import collections
import dataclasses

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from statistics_of_a_trained_network import with_statistics
from xnnpack_parts import partitions_and_others

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import VARIANTS

SIZE = (64, 128)
CN14 = VARIANTS["cn14"]

# 12 bottlenecks with 2 convolutions and a depth-wise one, the first and last convolution of the context
# branch, 4 layers of the detail branch (the first a convolution, the others pairs), the fusion unit (2
# and 1) and the classifier. 6 + 2 + 1 additions: bottlenecks of equal size with stride 1, and the fusion.
CONTEXTNET = {"AVERAGE_POOL_2D": 1, "CONV_2D": 33, "DEPTHWISE_CONV_2D": 16, "ADD": 9, "RESIZE_BILINEAR": 1}
NETWORKS = {
    "cn18": CONTEXTNET,
    "cn14": CONTEXTNET,
    "cn12": CONTEXTNET,
    "cn14-500": CONTEXTNET,
    "cn14-160": CONTEXTNET,
    # One more shallow branch, of 5 layers (1 + 4 pairs), and one more fusion unit.
    "cn124": {"AVERAGE_POOL_2D": 2, "CONV_2D": 40, "DEPTHWISE_CONV_2D": 21, "ADD": 10, "RESIZE_BILINEAR": 2},
    "context-only": {"AVERAGE_POOL_2D": 1, "CONV_2D": 27, "DEPTHWISE_CONV_2D": 12, "ADD": 8},
    "detail-only": {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 3},
    "upsample last": CONTEXTNET,
    "concatenate": CONTEXTNET | {"ADD": 8, "CONCATENATION": 1, "RELU6": 1},
    # Each level is two products with a matrix, along rows and along columns; the whole image, resized and added.
    "pyramid": CONTEXTNET | {"ADD": 12, "FULLY_CONNECTED": 6, "RESHAPE": 9, "TRANSPOSE": 8, "RESIZE_BILINEAR": 4},
    "asymmetric": CONTEXTNET | {"DEPTHWISE_CONV_2D": 28, "PAD": 2},
}
SPECS = {
    "upsample last": dataclasses.replace(CN14, fusion_order="upsample last"),
    "concatenate": dataclasses.replace(CN14, fusion_merge="concatenate"),
    "pyramid": dataclasses.replace(CN14, pyramid_bins=(1, 2, 4)),
    "asymmetric": dataclasses.replace(CN14, context_scale=2, asymmetric_kernel=5),
}
# In float files bottlenecks are cut into groups of channels: how many more there are than bottlenecks, and how many
# different numbers of channels their projections give. Of cn14: see test_channel_groups.py; 32 48 64 96 128. The
# projections behind the first have no bias; LiteRT wants one, and the zeros of one number are kept once.
MORE_GROUPS = dict.fromkeys(NETWORKS, (51, 5)) | {
    # Groups 1, 4, 4 6 6, 6 3 3 (336 cuts into 3 by 16), 3 6, 6 6; channels 32 48 56 64 80.
    "cn14-500": (42, 5),
    # Groups 1, 2, 2 2 2, 2 3 3, 3 3, 3 6; channels 16 24 48.
    "cn14-160": (20, 3),
    "detail-only": (0, 0),
    # Along the context the last convolution, the fusion unit's depth-wise one and its projection make another two.
    "upsample last": (52, 5),
    "asymmetric": (0, 0),
}
OUTPUTS = {
    "labels": {"RESIZE_BILINEAR": 2, "ARG_MAX": 1, "CAST": 1},
    "probabilities": {"RESIZE_BILINEAR": 2, "SOFTMAX": 1},
}


def folded(name) -> keras.Model:
    keras.utils.set_random_seed(0)
    spec = SPECS.get(name, name)
    return fold_batch_norm(with_statistics(build_model(spec, num_classes=3, input_shape=(*SIZE, 3))))


@pytest.fixture(scope="module", params=NETWORKS)
def any_network(request):
    return request.param, folded(request.param)


@pytest.fixture(scope="module")
def cn14():
    return folded("cn14")


@pytest.fixture(scope="module")
def calibration():
    return np.random.default_rng(3).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)


def operators(path) -> dict[str, int]:
    """The operators of a TFLite file and how often each stands in it."""
    return dict(collections.Counter(x["op_name"] for x in Interpreter(str(path))._get_ops_details()))


def of_floats(name) -> dict[str, int]:
    """Another convolution to expand, a depth-wise one, another to project and a sum for each further group."""
    groups, _ = MORE_GROUPS[name]
    more = collections.Counter({"CONV_2D": 2 * groups, "DEPTHWISE_CONV_2D": groups, "ADD": groups})
    return dict(collections.Counter(NETWORKS[name]) + more)


def of_int8(name) -> dict[str, int]:
    """Average pooling is a convolution, and uint8 becomes int8 at one end and uint8 again at the other.

    Columns of the image are packed: in fours or eights for pooling, in pairs for the detail branch.
    """
    changed = dict(NETWORKS[name])
    changed["CONV_2D"] += changed.pop("AVERAGE_POOL_2D", 0)
    packed = 1 if name in ("cn12", "asymmetric", "context-only", "detail-only") else 2
    return changed | {"QUANTIZE": 2, "RESHAPE": packed + changed.get("RESHAPE", 0)}


def test_float32(any_network, tmp_path):
    name, network = any_network
    export_tflite(network, tmp_path / "model.tflite")
    assert operators(tmp_path / "model.tflite") == of_floats(name) | {"DEQUANTIZE": 1}
    assert partitions_and_others((tmp_path / "model.tflite").read_bytes()) == (1, [])


def test_without_cache_blocking_the_layers_are_the_networks_own(cn14, tmp_path):
    export_tflite(cn14, tmp_path / "model.tflite", tiling=False)
    assert operators(tmp_path / "model.tflite") == NETWORKS["cn14"] | {"DEQUANTIZE": 1}


def test_float16(any_network, tmp_path):
    name, network = any_network
    export_tflite(network, tmp_path / "model.tflite", "float16")
    found = operators(tmp_path / "model.tflite")
    # Every kernel and bias is unpacked, once, when the file is loaded; so is each matrix of the pyramid.
    groups, zeros = MORE_GROUPS[name]
    layers = NETWORKS[name]["CONV_2D"] + NETWORKS[name]["DEPTHWISE_CONV_2D"]
    matrices = 6 if name == "pyramid" else 0
    assert found.pop("DEQUANTIZE") == 1 + 2 * layers + 5 * groups + zeros + matrices
    assert found == of_floats(name)
    assert partitions_and_others((tmp_path / "model.tflite").read_bytes()) == (1, [])


def test_int8(any_network, calibration, tmp_path):
    name, network = any_network
    export_tflite(network, tmp_path / "model.tflite", "int8", calibration=calibration)
    assert operators(tmp_path / "model.tflite") == of_int8(name)
    # XNNPACK has no int8 RELU6 by itself; everywhere else the convolution or sum before it does it.
    expected = (2, ["QUANTIZE", "RELU6", "QUANTIZE"]) if name == "concatenate" else (1, ["QUANTIZE", "QUANTIZE"])
    assert partitions_and_others((tmp_path / "model.tflite").read_bytes()) == expected


@pytest.mark.parametrize(("output", "outside"), [("labels", ["ARG_MAX", "CAST"]), ("probabilities", [])])
@pytest.mark.parametrize(("precision", "unpacked"), [("float32", 1), ("float16", 99 + 5 * 51 + 5)])
def test_float_files_that_give_labels_or_probabilities(cn14, output, outside, precision, unpacked, tmp_path):
    export_tflite(cn14, tmp_path / "model.tflite", precision, output=output)
    assert operators(tmp_path / "model.tflite") == of_floats("cn14") | OUTPUTS[output] | {"DEQUANTIZE": unpacked}
    assert partitions_and_others((tmp_path / "model.tflite").read_bytes()) == (1, outside)


def test_int8_labels(cn14, calibration, tmp_path):
    export_tflite(cn14, tmp_path / "model.tflite", "int8", output="labels", calibration=calibration)
    assert operators(tmp_path / "model.tflite") == of_int8("cn14") | OUTPUTS["labels"] | {"QUANTIZE": 1}
    assert partitions_and_others((tmp_path / "model.tflite").read_bytes()) == (1, ["QUANTIZE", "ARG_MAX", "CAST"])


def test_int8_probabilities(cn14, calibration, tmp_path):
    # The soft-max alone is float32.
    export_tflite(cn14, tmp_path / "model.tflite", "int8", output="probabilities", calibration=calibration)
    expected = of_int8("cn14") | OUTPUTS["probabilities"] | {"QUANTIZE": 1, "DEQUANTIZE": 1}
    assert operators(tmp_path / "model.tflite") == expected
    assert partitions_and_others((tmp_path / "model.tflite").read_bytes()) == (1, ["QUANTIZE"])


def test_a_layer_that_stays_in_float32(cn14, calibration, tmp_path):
    layers = ["detail_conv1", "classifier"]
    export_tflite(cn14, tmp_path / "model.tflite", "int8", calibration=calibration, float_layers=layers)
    # In front of each its features become float32. Behind the first they become int8 again; behind the
    # classifier they do so for the output, whose uint8 comes of it as ever.
    # The first convolution reads float32, so columns of the image are packed for the pooling alone.
    expected = of_int8("cn14") | {"DEQUANTIZE": 2, "QUANTIZE": 4, "RESHAPE": 1}
    assert operators(tmp_path / "model.tflite") == expected
    types = {}
    for detail in Interpreter(str(tmp_path / "model.tflite")).get_tensor_details():
        types[detail["name"]] = detail["dtype"]
    kernels = [f"{name}_1/convolution" for name in ("detail_conv1", "classifier", "context_conv1")]
    found = [[dtype for tensor, dtype in types.items() if tensor.startswith(kernel)] for kernel in kernels]
    assert found == [[np.float32], [np.float32], [np.int8]]
