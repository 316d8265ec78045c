import numpy as np
import pytest
from keras import layers
from network_reading import convolutions, names_of, nonlinear, order, shapes

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.models.comparison.segnet import build_segnet
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling


@pytest.fixture(scope="module")
def segnet():
    return build_segnet()


def test_parameters(segnet):
    # Folded: 3x3 kernels and a bias for each channel that they make.
    #   encoder, the known 14,714,688 of VGG-16's convolutions:
    #     9 (3 x 64 + 64 x 64) + 128                                     38,720
    #     9 (64 x 128 + 128 x 128) + 256                                221,440
    #     9 (128 x 256 + 2 x 256 x 256) + 768                         1,475,328
    #     9 (256 x 512 + 2 x 512 x 512) + 1,536                       5,899,776
    #     9 x 3 x 512 x 512 + 1,536                                   7,079,424
    #   decoder:
    #     9 x 3 x 512 x 512 + 1,536                                   7,079,424
    #     9 (2 x 512 x 512 + 512 x 256) + 1,280                       5,899,520
    #     9 (2 x 256 x 256 + 256 x 128) + 640                         1,475,200
    #     9 (128 x 128 + 128 x 64) + 192                                221,376
    #     9 x 64 x 64 + 64                                               36,928
    #     9 x 64 x 19 + 19                                               10,963
    assert count_parameters(segnet) == 14_714_688 + 14_723_411 == 29_438_099


def test_parameters_as_the_paper_counts_them(segnet):
    # 29.46 million: not folded, 4 values instead of 1 for each normalized channel, of which the encoder has
    # 2 x 64 + 2 x 128 + 3 x 256 + 6 x 512 = 4,224 and the decoder 3,712.
    assert count_parameters(segnet, folded=False) == 29_438_099 + 3 * (4_224 + 3_712) == 29_461_907


def test_sizes(segnet):
    expected = {
        "encoder_conv1_2_relu": (64, 96, 64),
        "encoder_conv2_2_relu": (32, 48, 128),
        "encoder_conv3_3_relu": (16, 24, 256),
        "encoder_conv4_3_relu": (8, 12, 512),
        "encoder_conv5_3_relu": (4, 6, 512),
        "decoder_unpool5": (4, 6, 512),
        "decoder_unpool4": (8, 12, 512),
        "decoder_unpool3": (16, 24, 256),
        "decoder_unpool2": (32, 48, 128),
        "decoder_unpool1": (64, 96, 64),
        "main": (64, 96, 19),
    }
    assert shapes(segnet, (64, 96), expected) == expected


def test_convolutions_and_their_mirror_image(segnet):
    found = convolutions(segnet)
    assert [(layer.name, layer.filters) for layer in found] == [
        ("encoder_conv1_1", 64), ("encoder_conv1_2", 64),
        ("encoder_conv2_1", 128), ("encoder_conv2_2", 128),
        ("encoder_conv3_1", 256), ("encoder_conv3_2", 256), ("encoder_conv3_3", 256),
        ("encoder_conv4_1", 512), ("encoder_conv4_2", 512), ("encoder_conv4_3", 512),
        ("encoder_conv5_1", 512), ("encoder_conv5_2", 512), ("encoder_conv5_3", 512),
        ("decoder_conv5_3", 512), ("decoder_conv5_2", 512), ("decoder_conv5_1", 512),
        ("decoder_conv4_3", 512), ("decoder_conv4_2", 512), ("decoder_conv4_1", 256),
        ("decoder_conv3_3", 256), ("decoder_conv3_2", 256), ("decoder_conv3_1", 128),
        ("decoder_conv2_2", 128), ("decoder_conv2_1", 64),
        ("decoder_conv1_2", 64), ("main", 19),
    ]  # fmt: skip
    assert {(layer.kernel_size, layer.strides, layer.dilation_rate) for layer in found} == {((3, 3), (1, 1), (1, 1))}
    assert [layer.name for layer in found if layer.use_bias] == ["main"]


def test_unpooling_is_joined_to_the_pooling_of_its_stage(segnet):
    assert names_of(segnet, MaxPoolingWithIndices) == [f"encoder_pool{n}" for n in (1, 2, 3, 4, 5)]
    assert names_of(segnet, MaxUnpooling) == [f"decoder_unpool{n}" for n in (5, 4, 3, 2, 1)]
    for n in (1, 2, 3, 4, 5):
        places = segnet.get_layer(f"encoder_pool{n}").output[1]
        assert segnet.get_layer(f"decoder_unpool{n}").input[1] is places


def test_features_go_through_every_layer_in_turn(segnet):
    assert order(segnet, "encoder_conv4_3_relu", "decoder_conv5_3_relu") == [
        "encoder_pool4",
        "encoder_conv5_1", "encoder_conv5_1_bn", "encoder_conv5_1_relu",
        "encoder_conv5_2", "encoder_conv5_2_bn", "encoder_conv5_2_relu",
        "encoder_conv5_3", "encoder_conv5_3_bn", "encoder_conv5_3_relu",
        "encoder_pool5",
        "decoder_unpool5",
        "decoder_conv5_3", "decoder_conv5_3_bn", "decoder_conv5_3_relu",
    ]  # fmt: skip
    assert order(segnet, "decoder_unpool1", "main") == [
        "decoder_conv1_2", "decoder_conv1_2_bn", "decoder_conv1_2_relu", "main"
    ]  # fmt: skip


def test_rectifiers_after_every_convolution_but_the_last(segnet):
    names = [layer.name for layer in convolutions(segnet) if layer.name != "main"]
    assert sorted(nonlinear(segnet)) == sorted(f"{name}_relu" for name in names)
    assert {type(segnet.get_layer(name)) for name in nonlinear(segnet)} == {layers.ReLU}
    assert names_of(segnet, layers.Dropout, layers.SpatialDropout2D) == []


def test_normalization(segnet):
    names = names_of(segnet, layers.BatchNormalization)
    assert len(names) == 25
    for layer in (segnet.get_layer(name) for name in names):
        assert layer.epsilon == 1e-9
        np.testing.assert_array_equal(layer.beta, np.full(layer.beta.shape, 0.001, "float32"))


def test_kernels_start_as_he_et_al_propose(segnet):
    for name, inputs in (("encoder_conv3_2", 256), ("decoder_conv4_1", 512)):
        assert np.std(segnet.get_layer(name).kernel) == pytest.approx((2 / (9 * inputs)) ** 0.5, rel=0.01)
