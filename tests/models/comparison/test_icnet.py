import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from network_reading import convolutions, names_of, nonlinear, order, shapes

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.models.comparison.icnet import build_icnet
from contextnet_tf.models.pyramid import AveragePoolingTo


@pytest.fixture(scope="module")
def icnet():
    """As it trains; nothing but the auxiliary heads is apart from the inference network."""
    return build_icnet(aux_head=True)


def test_parameters(icnet):
    # Folded; blocks as in test_deeplab_v2.
    #   conv1        9 (3 x 32 + 32 x 32 + 32 x 64) + 128                       28,640
    #   conv2        23 x  32 x  32 +   320 + 2 (17 x  32 x  32 +   192)        59,072
    #   conv3        23 x  64 x  64 +   640 + 3 (17 x  64 x  64 +   384)       304,896
    #   conv4        23 x 128 x 128 + 1,280 + 5 (17 x 128 x 128 +   768)     1,774,592
    #   conv5        23 x 256 x 256 + 2,560 + 2 (17 x 256 x 256 + 1,536)     3,741,184
    #   conv5_4      1,024 x 256 + 256                                         262,400
    #   fusion_low   9 x 256 x 128 + 128,  256 x 128 + 128                     327,936
    #   high         9 (3 x 32 + 32 x 32 + 32 x 64) + 128                       28,640
    #   fusion_high  9 x 128 x 128 + 128,  64 x 128 + 128                      155,904
    #   classes      128 x 19 + 19                                               2,451
    inference = keras.Model(icnet.input, {"main": icnet.output["main"]})
    assert count_parameters(inference) == 6_685_715
    # Heads for training: 256 x 19 + 19 and 128 x 19 + 19.
    assert count_parameters(icnet) - count_parameters(inference) == 4_883 + 2_451


def test_sizes(icnet):
    # Section 3.2: the low branch ends at 1/32, the middle one at 1/16, the high one at 1/8.
    expected = {
        "image_half": (96, 192, 3),
        "conv1_3_relu": (48, 96, 64),
        "pool1": (24, 48, 64),
        "conv2_3_relu": (24, 48, 128),
        "conv3_1_relu": (12, 24, 256),
        "conv3_1_half": (6, 12, 256),
        "conv3_4_relu": (6, 12, 256),
        "conv4_6_relu": (6, 12, 512),
        "conv5_3_relu": (6, 12, 1024),
        "conv5_4_relu": (6, 12, 256),
        "low_upsample": (12, 24, 256),
        "fusion_low_relu": (12, 24, 128),
        "fusion_low_upsample": (24, 48, 128),
        "high_conv1_relu": (96, 192, 32),
        "high_conv2_relu": (48, 96, 32),
        "high_conv3_relu": (24, 48, 64),
        "fusion_high_relu": (24, 48, 128),
        "classifier": (48, 96, 19),
        "aux_classifier": (12, 24, 19),
        "aux2_classifier": (24, 48, 19),
        "main": (192, 384, 19),
        "aux": (192, 384, 19),
        "aux2": (192, 384, 19),
    }
    assert shapes(icnet, (192, 384), expected) == expected


def test_half_the_filters_of_pspnet_50(icnet):
    # PSPNet's stages of 50 layers have 3, 4, 6 and 3 blocks of width 64, 128, 256 and 512.
    found = [(layer.name, layer.filters) for layer in convolutions(icnet, "conv") if layer.name.endswith("_3x3")]
    assert found == (
        [(f"conv2_{n}_3x3", 32) for n in (1, 2, 3)]
        + [(f"conv3_{n}_3x3", 64) for n in (1, 2, 3, 4)]
        + [(f"conv4_{n}_3x3", 128) for n in (1, 2, 3, 4, 5, 6)]
        + [(f"conv5_{n}_3x3", 256) for n in (1, 2, 3)]
    )


def test_strides_and_dilations(icnet):
    strided = [layer.name for layer in convolutions(icnet) if layer.strides != (1, 1)]
    assert sorted(strided) == [
        "conv1_1", "conv3_1_project", "conv3_1_reduce", "high_conv1", "high_conv2", "high_conv3"
    ]  # fmt: skip
    dilated = {layer.name: layer.dilation_rate[0] for layer in convolutions(icnet) if layer.dilation_rate != (1, 1)}
    assert dilated == (
        {f"conv4_{n}_3x3": 2 for n in range(1, 7)}
        | {f"conv5_{n}_3x3": 4 for n in range(1, 4)}
        | {"fusion_low_dilated": 2, "fusion_high_dilated": 2}
    )


def test_three_branches_of_one_image(icnet):
    assert icnet.get_layer("image_half").input is icnet.input
    assert icnet.get_layer("conv1_1").input is icnet.get_layer("image_half").output
    assert icnet.get_layer("high_conv1").input is icnet.input
    assert icnet.get_layer("conv3_1_half").input is icnet.get_layer("conv3_1_relu").output
    assert icnet.get_layer("conv3_2_reduce").input is icnet.get_layer("conv3_1_half").output


def test_halving_is_bilinear_with_half_pixel_centers(icnet):
    x = np.random.default_rng(0).uniform(size=(1, 6, 10, 3)).astype("float32")
    np.testing.assert_allclose(icnet.get_layer("image_half")(x), tf.image.resize(x, (3, 5)), atol=1e-6)


def test_pyramid_is_summed_and_has_no_parameters(icnet):
    assert [icnet.get_layer(name).bins for name in names_of(icnet, AveragePoolingTo)] == [1, 2, 3, 6]
    assert len(icnet.get_layer("pyramid_add").input) == 5
    assert icnet.get_layer("conv5_4").input is icnet.get_layer("pyramid_add").output


@pytest.mark.parametrize(
    ("fusion", "coarse", "fine"),
    [("fusion_low", "low_upsample", "conv3_1_relu"), ("fusion_high", "fusion_low_upsample", "high_conv3_relu")],
)
def test_cascade_feature_fusion(icnet, fusion, coarse, fine):
    assert order(icnet, coarse, f"{fusion}_relu") == [
        f"{fusion}_{part}" for part in ("dilated", "dilated_bn", "add", "relu")
    ]  # fmt: skip
    assert icnet.get_layer(f"{fusion}_dilated").kernel_size == (3, 3)
    assert icnet.get_layer(f"{fusion}_project").kernel_size == (1, 1)
    assert icnet.get_layer(f"{fusion}_project").input is icnet.get_layer(fine).output
    assert icnet.get_layer(f"{fusion}_add").input[1] is icnet.get_layer(f"{fusion}_project_bn").output


def test_heads(icnet):
    assert order(icnet, "fusion_high_relu", "main") == ["fusion_high_upsample", "classifier", "main"]
    assert order(icnet, "low_upsample", "aux") == ["aux_classifier", "aux"]
    assert order(icnet, "fusion_low_upsample", "aux2") == ["aux2_classifier", "aux2"]
    assert names_of(icnet, layers.Dropout, layers.SpatialDropout2D) == []


def test_rectifiers_and_no_other_nonlinearity(icnet):
    assert sorted(nonlinear(icnet)) == sorted(names_of(icnet, layers.ReLU))
    # 3 in the stem, 3 in each of 16 blocks, conv5_4, 3 of the high branch, 2 fusions.
    assert len(nonlinear(icnet)) == 3 + 3 * 16 + 1 + 3 + 2
