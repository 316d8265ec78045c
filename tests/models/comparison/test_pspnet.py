import keras
import pytest
from keras import layers
from network_reading import convolutions, names_of, nonlinear, order, shapes

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.models.comparison.pspnet import build_pspnet
from contextnet_tf.models.pyramid import AveragePoolingTo, ResizeLike


@pytest.fixture(scope="module")
def pspnet():
    """As it trains; nothing but the auxiliary head is apart from the inference network."""
    return build_pspnet(aux_head=True)


def test_parameters(pspnet):
    # Folded; blocks as in test_deeplab_v2.
    #   conv1     9 (3 x 64 + 64 x 64 + 64 x 128) + 256                                112,576
    #   conv2     23 x 64 x 64 + 640 + 2 (17 x 64 x 64 + 384)                          234,880
    #   conv3 to conv5, as DeepLab's               1,216,000 + 26,054,144 + 14,953,472
    #   pyramid   4 (2,048 x 512 + 512)                                              4,196,352
    #   conv5_4   9 x 4,096 x 512 + 512                                             18,874,880
    #   classes   512 x 19 + 19                                                          9,747
    inference = keras.Model(pspnet.input, {"main": pspnet.output["main"]})
    assert count_parameters(inference) == 347_456 + 42_223_616 + 4_196_352 + 18_874_880 + 9_747 == 65_652_051
    # The auxiliary head: 9 x 1,024 x 256 + 256 + 256 x 19 + 19.
    assert count_parameters(pspnet) - count_parameters(inference) == 2_364_435


def test_sizes(pspnet):
    expected = {
        "conv1_1_relu": (48, 96, 64),
        "conv1_3_relu": (48, 96, 128),
        "pool1": (24, 48, 128),
        "conv2_3_relu": (24, 48, 256),
        "conv3_4_relu": (12, 24, 512),
        "conv4_23_relu": (12, 24, 1024),
        "conv5_3_relu": (12, 24, 2048),
        "pyramid_conv1_relu": (1, 1, 512),
        "pyramid_conv2_relu": (2, 2, 512),
        "pyramid_conv3_relu": (3, 3, 512),
        "pyramid_conv6_relu": (6, 6, 512),
        "pyramid_concat": (12, 24, 4096),
        "conv5_4_relu": (12, 24, 512),
        "classifier": (12, 24, 19),
        "main": (96, 192, 19),
        "aux_classifier": (12, 24, 19),
        "aux": (96, 192, 19),
    }
    assert shapes(pspnet, (96, 192), expected) == expected


def test_stage_3_is_down_sampled_and_the_others_are_dilated(pspnet):
    strided = [layer.name for layer in convolutions(pspnet) if layer.strides != (1, 1)]
    assert sorted(strided) == ["conv1_1", "conv3_1_3x3", "conv3_1_project"]
    dilations = [layer.dilation_rate[0] for layer in convolutions(pspnet) if layer.name.endswith("_3x3")]
    assert dilations == [1] * (3 + 4) + [2] * 23 + [4] * 3


def test_pyramid(pspnet):
    assert names_of(pspnet, AveragePoolingTo) == [f"pyramid_pool{n}" for n in (1, 2, 3, 6)]
    assert names_of(pspnet, ResizeLike) == [f"pyramid_resize{n}" for n in (1, 2, 3, 6)]
    features = pspnet.get_layer("conv5_3_relu").output
    for n in (1, 2, 3, 6):
        assert pspnet.get_layer(f"pyramid_pool{n}").bins == n
        assert pspnet.get_layer(f"pyramid_pool{n}").input is features
        assert pspnet.get_layer(f"pyramid_resize{n}").input[1] is features
        assert order(pspnet, f"pyramid_pool{n}", f"pyramid_resize{n}") == [
            f"pyramid_conv{n}", f"pyramid_conv{n}_bn", f"pyramid_conv{n}_relu", f"pyramid_resize{n}"
        ]  # fmt: skip
        assert pspnet.get_layer(f"pyramid_conv{n}").kernel_size == (1, 1)
    joined = pspnet.get_layer("pyramid_concat").input
    assert joined[0] is features
    assert all(
        tensor is pspnet.get_layer(f"pyramid_resize{n}").output
        for tensor, n in zip(joined[1:], (1, 2, 3, 6), strict=True)
    )


def test_heads(pspnet):
    assert order(pspnet, "pyramid_concat", "main") == [
        "conv5_4", "conv5_4_bn", "conv5_4_relu", "dropout", "classifier", "main"
    ]  # fmt: skip
    assert order(pspnet, "conv4_23_relu", "aux") == [
        "aux_conv", "aux_conv_bn", "aux_conv_relu", "aux_dropout", "aux_classifier", "aux"
    ]  # fmt: skip
    assert [(name, pspnet.get_layer(name).rate) for name in names_of(pspnet, layers.Dropout)] == [
        ("aux_dropout", 0.1), ("dropout", 0.1)
    ]  # fmt: skip
    assert (pspnet.get_layer("conv5_4").kernel_size, pspnet.get_layer("aux_conv").kernel_size) == ((3, 3), (3, 3))
    assert [layer.name for layer in convolutions(pspnet) if layer.use_bias] == ["aux_classifier", "classifier"]


def test_rectifiers_and_no_other_nonlinearity(pspnet):
    assert sorted(nonlinear(pspnet)) == sorted(names_of(pspnet, layers.ReLU))
    # 3 in the stem, 3 in each of 33 blocks, 4 levels, the last convolution, the auxiliary one.
    assert len(nonlinear(pspnet)) == 3 + 3 * 33 + 4 + 1 + 1
