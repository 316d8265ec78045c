import numpy as np
import pytest
from keras import layers
from network_reading import convolutions, names_of, nonlinear, shapes

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.models.comparison.deeplab_v2 import build_deeplab_v2


@pytest.fixture(scope="module")
def deeplab():
    return build_deeplab_v2()


def test_parameters(deeplab):
    # Folded. A block of width w has 17 w w values in its kernels, the first of a stage (1 + in/w) w w for
    # reduction and projection more than 13 w w; it normalizes 6 w channels, the first one 10 w.
    #   conv1   7 x 7 x 3 x 64 + 64                                                  9,472
    #   conv2   18 x  64 x  64 +   640 +  2 (17 x  64 x  64 +   384)               214,400
    #   conv3   23 x 128 x 128 + 1,280 +  3 (17 x 128 x 128 +   768)             1,216,000
    #   conv4   23 x 256 x 256 + 2,560 + 22 (17 x 256 x 256 + 1,536)            26,054,144
    #   conv5   23 x 512 x 512 + 5,120 +  2 (17 x 512 x 512 + 3,072)            14,953,472
    #   aspp    4 (9 x 2,048 x 19 + 19)                                          1,400,908
    assert count_parameters(deeplab) == 42_447_488 + 1_400_908 == 43_848_396


def test_sizes(deeplab):
    expected = {
        "conv1_relu": (64, 128, 64),
        "pool1": (32, 64, 64),
        "conv2_3_relu": (32, 64, 256),
        "conv3_4_relu": (16, 32, 512),
        "conv4_23_relu": (16, 32, 1024),
        "conv5_3_relu": (16, 32, 2048),
        "classifier": (16, 32, 19),
        "main": (128, 256, 19),
    }
    assert shapes(deeplab, (128, 256), expected) == expected


def test_resnet_101(deeplab):
    # 101 layers: one convolution, three in each of 3 + 4 + 23 + 3 blocks, and a classifier.
    backbone = convolutions(deeplab, "conv")
    assert len([layer for layer in backbone if not layer.name.endswith("_project")]) == 100
    assert [layer.name for layer in backbone if layer.name.endswith("_project")] == [
        "conv2_1_project", "conv3_1_project", "conv4_1_project", "conv5_1_project"
    ]  # fmt: skip
    first = deeplab.get_layer("conv1")
    assert (first.kernel_size, first.strides, first.filters) == ((7, 7), (2, 2), 64)


def test_stage_3_is_down_sampled_and_the_others_are_dilated(deeplab):
    strided = [layer.name for layer in convolutions(deeplab) if layer.strides != (1, 1)]
    assert sorted(strided) == ["conv1", "conv3_1_project", "conv3_1_reduce"]
    dilations = [layer.dilation_rate[0] for layer in convolutions(deeplab) if layer.name.endswith("_3x3")]
    assert dilations == [1] * (3 + 4) + [2] * 23 + [4] * 3


def test_atrous_spatial_pyramid_is_summed(deeplab):
    parts = [deeplab.get_layer(f"aspp_rate{rate}") for rate in (6, 12, 18, 24)]
    assert [part.dilation_rate for part in parts] == [(6, 6), (12, 12), (18, 18), (24, 24)]
    assert {(part.kernel_size, part.filters, part.use_bias) for part in parts} == {((3, 3), 19, True)}
    assert all(part.input is deeplab.get_layer("conv5_3_relu").output for part in parts)
    classifier = deeplab.get_layer("classifier")
    assert type(classifier) is layers.Add
    assert all(given is part.output for given, part in zip(classifier.input, parts, strict=True))
    assert deeplab.get_layer("main").input is classifier.output
    assert (deeplab.get_layer("main").size, deeplab.get_layer("main").interpolation) == ((8, 8), "bilinear")
    for part in parts:
        assert np.std(part.kernel) == pytest.approx(0.01, rel=0.01)
        np.testing.assert_array_equal(part.bias, np.zeros(19, "float32"))
    assert np.abs(np.asarray(parts[0].kernel) - np.asarray(parts[1].kernel)).max() > 0.01


def test_rectifiers_and_no_other_nonlinearity(deeplab):
    assert sorted(nonlinear(deeplab)) == sorted(names_of(deeplab, layers.ReLU))
    assert len(nonlinear(deeplab)) == 1 + 3 * 33
    assert not [name for name in nonlinear(deeplab) if name.endswith(("_increase_relu", "_project_relu"))]
    assert names_of(deeplab, layers.Dropout) == []
