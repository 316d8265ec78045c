import numpy as np
import pytest
from keras import layers
from network_reading import convolutions, names_of, nonlinear, order, shapes

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.models.comparison.enet import build_enet
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling

ENCODER = [
    *(f"encoder_bottleneck1_{n}" for n in range(5)),
    *(f"encoder_bottleneck2_{n}" for n in range(9)),
    *(f"encoder_bottleneck3_{n}" for n in range(1, 9)),
]
DECODER = [
    *(f"decoder_bottleneck4_{n}" for n in range(3)),
    *(f"decoder_bottleneck5_{n}" for n in range(2)),
]


@pytest.fixture(scope="module")
def enet():
    return build_enet()


def test_parameters(enet):
    # Folded, by the rows of Table 1; p: slopes of the PReLUs.
    #   initial   3 x 13 x 9 + 4 x 16 (not folded: after a concatenation) + p 16              431
    #   1.0       16 x 16 x 4 + 16,  16 x 16 x 9 + 16,  16 x 64 + 64,  p 16 + 16 + 64        4,544
    #   1.1 - 1.4  4 x (64 x 16 + 16,  2,320,  1,088,  p 96)                               18,176
    #   2.0       64 x 32 x 4 + 32,  32 x 32 x 9 + 32,  32 x 128 + 128,  p 192             21,888
    #   regular, dilated: 12 x (128 x 32 + 32,  9,248,  4,224,  p 192)                    213,504
    #   asymmetric: 4 x (4,128,  2 x 32 x 32 x 5 + 32,  4,224,  p 192)                     75,264
    #   4.0       128 x 16 + 16,  16 x 16 x 9 + 16,  16 x 64 + 64,  skip 128 x 64 + 64     13,728
    #   4.1, 4.2   2 x (64 x 16 + 16,  2,320,  1,088)                                       8,896
    #   5.0       64 x 4 + 4,  4 x 4 x 9 + 4,  4 x 16 + 16,  skip 64 x 16 + 16              1,528
    #   5.1       16 x 4 + 4,  148,  80                                                       296
    #   classes   16 x 19 x 4 + 19                                                          1,235
    assert count_parameters(enet) == 359_490


def test_parameters_as_the_paper_counts_them(enet):
    # 0.37 million: not folded, 4 values instead of 1 for each normalized channel that is folded above.
    # 1.x: 5 x 96, 2.0: 192, 2.x and 3.x: 16 x 192, 4.0: 160, 4.x: 2 x 96, 5.0: 40, 5.1: 24; 4,160 in all.
    assert count_parameters(enet, folded=False) == 359_490 + 3 * 4_160 == 371_970
    assert 371_970 == pytest.approx(0.37e6, rel=0.02)


def test_sizes_of_table_1(enet):
    # Table 1 is printed for 512 x 512 images.
    expected = {
        "encoder_initial_prelu": (256, 256, 16),
        "encoder_bottleneck1_0_prelu": (128, 128, 64),
        "encoder_bottleneck1_4_prelu": (128, 128, 64),
        "encoder_bottleneck2_0_prelu": (64, 64, 128),
        "encoder_bottleneck2_8_prelu": (64, 64, 128),
        "encoder_bottleneck3_8_prelu": (64, 64, 128),
        "decoder_bottleneck4_0_relu": (128, 128, 64),
        "decoder_bottleneck4_2_relu": (128, 128, 64),
        "decoder_bottleneck5_0_relu": (256, 256, 16),
        "decoder_bottleneck5_1_relu": (256, 256, 16),
        "main": (512, 512, 19),
    }
    assert shapes(enet, (512, 512), expected) == expected


def test_convolution_of_each_bottleneck(enet):
    def middle(name):
        found = convolutions(enet, f"{name}_conv")
        return [(layer.kernel_size, layer.dilation_rate[0]) for layer in found]

    regular, asymmetric = [((3, 3), 1)], [((1, 5), 1), ((5, 1), 1)]
    section = [
        regular, [((3, 3), 2)], asymmetric, [((3, 3), 4)], regular, [((3, 3), 8)], asymmetric, [((3, 3), 16)],
    ]  # fmt: skip
    assert [middle(name) for name in ENCODER] == [regular] * 6 + section * 2
    assert [middle(name) for name in DECODER] == [[], regular, regular, [], regular]


def test_projections(enet):
    projections = [enet.get_layer(f"{name}_project") for name in ENCODER + DECODER]
    halving = [layer.name for layer in projections if layer.strides == (2, 2)]
    assert halving == ["encoder_bottleneck1_0_project", "encoder_bottleneck2_0_project"]
    assert all(layer.kernel_size == layer.strides for layer in projections)
    assert [layer.filters for layer in projections] == [16] * 5 + [32] * 17 + [16] * 3 + [4] * 2
    expansions = [enet.get_layer(f"{name}_expand") for name in ENCODER + DECODER]
    assert {layer.kernel_size for layer in expansions} == {(1, 1)}
    assert [layer.filters for layer in expansions] == [64] * 5 + [128] * 17 + [64] * 3 + [16] * 2


def test_no_bias_but_in_the_last_layer(enet):
    assert [layer.name for layer in enet.layers if getattr(layer, "use_bias", False)] == ["main"]


def test_transposed_convolutions(enet):
    found = [enet.get_layer(name) for name in names_of(enet, layers.Conv2DTranspose)]
    assert [(layer.name, layer.kernel_size, layer.strides) for layer in found] == [
        ("decoder_bottleneck4_0_conv", (3, 3), (2, 2)),
        ("decoder_bottleneck5_0_conv", (3, 3), (2, 2)),
        ("main", (2, 2), (2, 2)),
    ]


def test_unpooling_is_joined_to_the_pooling_of_its_size(enet):
    assert names_of(enet, MaxPoolingWithIndices) == ["encoder_bottleneck1_0_pool", "encoder_bottleneck2_0_pool"]
    assert names_of(enet, MaxUnpooling) == ["decoder_bottleneck4_0_unpool", "decoder_bottleneck5_0_unpool"]
    for section, pool in (("4", "2"), ("5", "1")):
        features, places = enet.get_layer(f"decoder_bottleneck{section}_0_unpool").input
        assert features is enet.get_layer(f"decoder_bottleneck{section}_0_skip_bn").output
        assert places is enet.get_layer(f"encoder_bottleneck{pool}_0_pool").output[1]


def test_missing_channels_are_zeros_at_the_end(enet):
    pad = enet.get_layer("encoder_bottleneck2_0_pad")
    x = np.random.default_rng(0).normal(size=(1, 3, 5, 64)).astype("float32")
    np.testing.assert_array_equal(pad(x), np.concatenate([x, np.zeros_like(x)], axis=-1))
    assert enet.get_layer("encoder_bottleneck1_0_pad").output.shape[-1] == 64


def test_bottleneck_in_its_order(enet):
    def parts(first, last):
        block = last.rpartition("_")[0]
        return [name.removeprefix(f"{block}_") for name in order(enet, first, last)]

    assert parts("encoder_bottleneck2_0_prelu", "encoder_bottleneck2_1_prelu") == [
        "project", "project_bn", "project_prelu", "conv", "conv_bn", "conv_prelu", "expand", "expand_bn", "dropout",
        "add", "prelu",
    ]  # fmt: skip
    assert parts("encoder_bottleneck2_2_prelu", "encoder_bottleneck2_3_prelu") == [
        "project", "project_bn", "project_prelu", "conv_1x5", "conv_5x1", "conv_5x1_bn", "conv_prelu", "expand",
        "expand_bn", "dropout", "add", "prelu",
    ]  # fmt: skip
    assert parts("encoder_bottleneck3_8_prelu", "decoder_bottleneck4_0_relu") == [
        "project", "project_bn", "project_relu", "conv", "conv_bn", "conv_relu", "expand", "expand_bn", "add", "relu",
    ]  # fmt: skip


def test_prelu_in_the_encoder_relu_in_the_decoder(enet):
    prelu, relu = names_of(enet, layers.PReLU), names_of(enet, layers.ReLU)
    assert sorted(nonlinear(enet)) == sorted(prelu + relu)
    assert sorted(prelu) == sorted(
        ["encoder_initial_prelu"] + [f"{name}{part}_prelu" for name in ENCODER for part in ("_project", "_conv", "")]
    )
    assert sorted(relu) == sorted(f"{name}{part}_relu" for name in DECODER for part in ("_project", "_conv", ""))
    for name in prelu:
        layer = enet.get_layer(name)
        np.testing.assert_array_equal(layer.alpha, np.full((1, 1, layer.output.shape[-1]), 0.25, "float32"))


def test_dropout_of_channels(enet):
    rates = [(name, enet.get_layer(name).rate) for name in names_of(enet, layers.SpatialDropout2D)]
    assert rates == [(f"{name}_dropout", 0.01 if name < "encoder_bottleneck2" else 0.1) for name in ENCODER]


def test_normalization(enet):
    names = names_of(enet, layers.BatchNormalization)
    assert len(names) == 1 + 3 * (22 + 5) + 2
    assert {(enet.get_layer(name).epsilon, enet.get_layer(name).momentum) for name in names} == {(1e-3, 0.9)}


@pytest.mark.parametrize(
    ("layer", "products"), [("encoder_bottleneck2_2_conv", 9 * 32), ("decoder_bottleneck4_0_conv", 9 * 16)]
)
def test_weights_start_uniform_as_in_torch_7(enet, layer, products):
    kernel = np.asarray(enet.get_layer(layer).kernel)
    assert 0.95 * products**-0.5 < np.abs(kernel).max() <= products**-0.5
