import numpy as np
import pytest
from keras import layers
from network_reading import convolutions, names_of, nonlinear, order, shapes

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.models.comparison.erfnet import build_erfnet

BLOCKS = [
    *(f"encoder_block1_{n}" for n in range(1, 6)),
    *(f"encoder_block2_{n}" for n in range(1, 9)),
    "decoder_block1_1", "decoder_block1_2", "decoder_block2_1", "decoder_block2_2",
]  # fmt: skip


@pytest.fixture(scope="module")
def erfnet():
    return build_erfnet()


def test_parameters(erfnet):
    # Folded: kernel + bias of every convolution. A block of c channels has 4 convolutions of 3 c c + c.
    #   down 16     3 x  13 x 9                     351   (no bias: a concatenation follows)
    #   down 64    16 x  48 x 9                   6,912
    #   5 blocks   5 x 4 x (3 x  64 x  64 +  64) 247,040
    #   down 128   64 x  64 x 9                  36,864
    #   8 blocks   8 x 4 x (3 x 128 x 128 + 128) 1,576,960
    #   up 64     128 x  64 x 9 + 64             73,792
    #   2 blocks   2 x 4 x (3 x  64 x  64 +  64) 98,816
    #   up 16      64 x  16 x 9 + 16              9,232
    #   2 blocks   2 x 4 x (3 x  16 x  16 +  16)  6,272
    #   classes    16 x  19 x 4 + 19              1,235
    #   sum                                   2,057,474
    # and the normalizations after the concatenations: 4 x (16 + 64 + 128) = 832.
    assert count_parameters(erfnet) == 2_057_474 + 832 == 2_058_306
    # Not folded: 4 values a channel in place of the bias of each 1x3 and of the two transposed convolutions,
    # 3 more for each of 2 (5 x 64 + 8 x 128 + 2 x 64 + 2 x 16) + 64 + 16 = 3,088 channels.
    assert count_parameters(erfnet, folded=False) == 2_058_306 + 3 * 3_088 == 2_067_570


def test_sizes_of_table_1(erfnet):
    # Table I is printed for 1024 x 512 images.
    expected = {
        "encoder_down1_relu": (256, 512, 16),
        "encoder_down2_relu": (128, 256, 64),
        "encoder_block1_5_relu": (128, 256, 64),
        "encoder_down3_relu": (64, 128, 128),
        "encoder_block2_8_relu": (64, 128, 128),
        "decoder_up1_relu": (128, 256, 64),
        "decoder_block1_2_relu": (128, 256, 64),
        "decoder_up2_relu": (256, 512, 16),
        "decoder_block2_2_relu": (256, 512, 16),
        "main": (512, 1024, 19),
    }
    assert shapes(erfnet, (512, 1024), expected) == expected


def test_dilations_in_order(erfnet):
    second = [
        (erfnet.get_layer(f"{block}_second_3x1").dilation_rate, erfnet.get_layer(f"{block}_second_1x3").dilation_rate)
        for block in BLOCKS
    ]
    twice = [((2, 1), (1, 2)), ((4, 1), (1, 4)), ((8, 1), (1, 8)), ((16, 1), (1, 16))] * 2
    assert second == [((1, 1), (1, 1))] * 5 + twice + [((1, 1), (1, 1))] * 4
    dilated = [layer.name for layer in convolutions(erfnet) if layer.dilation_rate != (1, 1)]
    assert len(dilated) == 16 and all("_second_" in name for name in dilated)


def test_convolutions(erfnet):
    kernels = [(layer.kernel_size, layer.strides, layer.filters) for layer in convolutions(erfnet)]
    assert kernels == [
        ((3, 3), (2, 2), 13),
        ((3, 3), (2, 2), 48),
        *[((3, 1), (1, 1), 64), ((1, 3), (1, 1), 64)] * 10,
        ((3, 3), (2, 2), 64),
        *[((3, 1), (1, 1), 128), ((1, 3), (1, 1), 128)] * 16,
        *[((3, 1), (1, 1), 64), ((1, 3), (1, 1), 64)] * 4,
        *[((3, 1), (1, 1), 16), ((1, 3), (1, 1), 16)] * 4,
    ]
    transposed = [erfnet.get_layer(name) for name in names_of(erfnet, layers.Conv2DTranspose)]
    assert [(layer.name, layer.kernel_size, layer.strides, layer.filters) for layer in transposed] == [
        ("decoder_up1", (3, 3), (2, 2), 64),
        ("decoder_up2", (3, 3), (2, 2), 16),
        ("main", (2, 2), (2, 2), 19),
    ]


def test_a_block_in_its_order(erfnet):
    assert order(erfnet, "encoder_down3_relu", "encoder_block2_1_relu") == [
        f"encoder_block2_1_{part}"
        for part in (
            "first_3x1", "first_3x1_relu", "first_1x3", "first_1x3_bn", "first_relu",
            "second_3x1", "second_3x1_relu", "second_1x3", "second_1x3_bn", "dropout", "add", "relu",
        )
    ]  # fmt: skip
    assert erfnet.get_layer("encoder_block2_1_add").input[1] is erfnet.get_layer("encoder_down3_relu").output


def test_rectifiers_and_no_other_nonlinearity(erfnet):
    assert set(nonlinear(erfnet)) == set(names_of(erfnet, layers.ReLU))
    # One after each down-sampling and each transposed convolution but the last, four in each block.
    assert len(nonlinear(erfnet)) == 3 + 2 + 4 * 17
    assert all(erfnet.get_layer(name).max_value is None for name in nonlinear(erfnet))


def test_dropout_takes_channels_in_the_encoder_only(erfnet):
    rates = [(name, erfnet.get_layer(name).rate) for name in names_of(erfnet, layers.SpatialDropout2D)]
    assert rates == [(f"encoder_block1_{n}_dropout", 0.03) for n in range(1, 6)] + [
        (f"encoder_block2_{n}_dropout", 0.3) for n in range(1, 9)
    ]


def test_normalization(erfnet):
    names = names_of(erfnet, layers.BatchNormalization)
    assert len(names) == 3 + 2 + 2 * 17
    assert {(erfnet.get_layer(name).epsilon, erfnet.get_layer(name).momentum) for name in names} == {(1e-3, 0.9)}
    # A bias only where no normalization follows.
    with_bias = [layer.name for layer in erfnet.layers if getattr(layer, "use_bias", False)]
    assert sorted(with_bias) == sorted([f"{b}_{part}_3x1" for b in BLOCKS for part in ("first", "second")] + ["main"])


@pytest.mark.parametrize(
    ("layer", "products"), [("encoder_block2_1_first_3x1", 3 * 128), ("decoder_up1", 9 * 128), ("main", 4 * 16)]
)
def test_weights_start_uniform_as_in_torch_7(erfnet, layer, products):
    bound = products**-0.5
    for weight in erfnet.get_layer(layer).weights:
        values = np.asarray(weight)
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.8 * bound
        if values.size > 1000:
            assert np.std(values) == pytest.approx(bound / 3**0.5, rel=0.1)


def test_blocks_of_one_shape_start_with_different_weights(erfnet):
    first, second = (erfnet.get_layer(f"encoder_block1_{n}_first_3x1").kernel for n in (1, 2))
    assert np.abs(np.asarray(first) - np.asarray(second)).max() > 0.01
