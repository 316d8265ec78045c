import keras
import numpy as np
import pytest
from keras import layers
from network_reading import convolutions, names_of, order

from contextnet_tf.models.comparison import resnet


def built(make, channels):
    """What `make` does to features of that many channels, as a network."""
    x = keras.Input((None, None, channels), name="features")
    return keras.Model(x, make(x))


def test_bottleneck_with_a_projection():
    model = built(lambda x: resnet.bottleneck(x, 8, "conv3_1", stride=2, dilation=3), 16)

    assert order(model, "features", "conv3_1_relu") == [
        "conv3_1_reduce", "conv3_1_reduce_bn", "conv3_1_reduce_relu",
        "conv3_1_3x3", "conv3_1_3x3_bn", "conv3_1_3x3_relu",
        "conv3_1_increase", "conv3_1_increase_bn",
        "conv3_1_add", "conv3_1_relu",
    ]  # fmt: skip
    assert model.get_layer("conv3_1_add").input[1] is model.get_layer("conv3_1_project_bn").output
    assert model.get_layer("conv3_1_project").input is model.input
    found = {layer.name: (layer.kernel_size, layer.filters, layer.dilation_rate) for layer in convolutions(model)}
    assert found == {
        "conv3_1_reduce": ((1, 1), 8, (1, 1)),
        "conv3_1_3x3": ((3, 3), 8, (3, 3)),
        "conv3_1_increase": ((1, 1), 32, (1, 1)),
        "conv3_1_project": ((1, 1), 32, (1, 1)),
    }


@pytest.mark.parametrize(("strided", "other"), [("reduce", "3x3"), ("3x3", "reduce")])
def test_place_of_the_stride(strided, other):
    model = built(lambda x: resnet.bottleneck(x, 4, "a", stride=2, strided=strided), 16)

    assert model.get_layer(f"a_{strided}").strides == model.get_layer("a_project").strides == (2, 2)
    assert model.get_layer(f"a_{other}").strides == model.get_layer("a_increase").strides == (1, 1)


def test_shortcut_is_the_input_where_nothing_changes():
    model = built(lambda x: resnet.bottleneck(x, 4, "a"), 16)

    assert model.get_layer("a_add").input[1] is model.input
    assert len(convolutions(model)) == 3


def test_only_the_first_of_a_stage_has_the_stride():
    model = built(lambda x: resnet.stage(x, "conv4", 4, range(2, 5), stride=2, dilation=2), 8)

    strides = {layer.name: layer.strides[0] for layer in convolutions(model) if layer.name.endswith("_reduce")}
    assert strides == {"conv4_2_reduce": 2, "conv4_3_reduce": 1, "conv4_4_reduce": 1}
    assert [layer.dilation_rate[0] for layer in convolutions(model) if layer.name.endswith("_3x3")] == [2, 2, 2]


def test_deep_stem():
    model = built(lambda x: resnet.deep_stem(x, (4, 6, 8)), 3)

    assert order(model, "features", "pool1") == [
        "conv1_1", "conv1_1_bn", "conv1_1_relu", "conv1_2", "conv1_2_bn", "conv1_2_relu",
        "conv1_3", "conv1_3_bn", "conv1_3_relu", "pool1",
    ]  # fmt: skip
    assert [(layer.filters, layer.kernel_size[0], layer.strides[0]) for layer in convolutions(model)] == [
        (4, 3, 2), (6, 3, 1), (8, 3, 1)
    ]  # fmt: skip
    assert (model.get_layer("pool1").pool_size, model.get_layer("pool1").strides) == ((3, 3), (2, 2))


def test_normalization_and_first_kernels():
    model = built(lambda x: resnet.conv_bn_relu(x, 200, 3, "a"), 50)

    (name,) = names_of(model, layers.BatchNormalization)
    assert (model.get_layer(name).epsilon, model.get_layer(name).momentum) == (1e-5, 0.95)
    assert not model.get_layer("a").use_bias
    assert np.std(model.get_layer("a").kernel) == pytest.approx((2 / (9 * 50)) ** 0.5, rel=0.02)
