"""A network in ncnn's format: its text by hand, and the same logits in ncnn."""

import keras
import numpy as np
import pytest
from keras import layers
from portable_networks import NETWORKS, network_of

from contextnet_tf.benchmarking.ncnn_graph import ncnn_model
from contextnet_tf.benchmarking.runtimes.ncnn import NCNN
from contextnet_tf.deployment.portable.from_keras import portable_graph_of
from contextnet_tf.errors import InputError


def test_a_network_by_hand():
    image = keras.Input((4, 6, 3))
    x = layers.Conv2D(2, 3, strides=2, padding="same", name="conv")(image)
    x = layers.Add()([layers.ReLU(6.0)(x), layers.AveragePooling2D(2)(layers.Conv2D(2, 1)(image))])
    graph = portable_graph_of(keras.Model(image, {"main": layers.UpSampling2D(2, interpolation="bilinear")(x)}))
    parameters, weights = ncnn_model(graph)
    lines = parameters.splitlines()
    assert lines[:4] == [
        "7767517",
        "7 8",  # layers; values: the image and its two copies, five results
        "Input layer0 0 1 image",
        "Split split0 1 2 image image_copy0 image_copy1",
    ]
    convolution = next(line for line in lines if " 11=3 " in line)  # the one of 3 x 3, with the ReLU6 behind it
    assert convolution.startswith("Convolution layer") and convolution.endswith(" 9=3 -23310=2,0.0,6.0")
    assert " 4=0 15=1 14=0 16=1 " in convolution and " 0=2 5=1 6=54 " in convolution
    assert lines[-2].startswith("BinaryOp ") and lines[-2].endswith(" 0=0")
    assert lines[-1].split()[-4:] == ["logits", "0=2", "3=4", "4=6"]
    assert len(weights) == 4 * (1 + 54 + 2 + 1 + 6 + 2)  # a word before each kernel; kernels and biases


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "places"])
def test_the_logits_are_the_networks(name, tmp_path):
    pytest.importorskip("ncnn", reason="ncnn is in the extra [bench]")
    network = network_of(name)
    NCNN.write(network, tmp_path / "ncnn", ())
    runtime = NCNN(tmp_path / "ncnn", 1)
    image = np.random.default_rng(1).integers(0, 256, (*network.input_shape[1:3], 3), np.uint8)
    labels = image
    for stage in runtime.stages:
        labels = stage.run(labels)
    logits = network(image[np.newaxis].astype(np.float32) / 255)["main"].numpy()[0]
    first, second = np.sort(logits, axis=-1)[..., :-3:-1].transpose(2, 0, 1)
    clear = first - second > 1e-4 * np.abs(logits).max()  # of the others rounding decides
    assert clear.mean() > 0.95 and np.array_equal(labels[clear], logits.argmax(axis=-1)[clear])


def test_what_ncnn_has_no_layer_for_is_told():
    with pytest.raises(InputError, match="ncnn has no layer for PoolWithIndices"):
        ncnn_model(portable_graph_of(network_of("places")))
