import keras
import pytest
from keras import layers

from contextnet_tf.analysis.complexity import count_layers, count_multiply_adds, count_parameters, layer_costs
from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model


@pytest.fixture(scope="module")
def cn14():
    return build_model("cn14", input_shape=(None, None, 3))


def test_parameters_are_those_of_the_folded_network(cn14):
    assert fold_batch_norm(cn14).count_params() == 846_179


def test_parameters_as_they_are(cn14):
    # Four values for each of 10,672 normalized channels, of which folding leaves one, the bias. The channels:
    # conv1 32, blocks 96 + 416 + (432 + 2 x 624) + (640 + 2 x 832) + (864 + 1248) + (1280 + 1664), conv2 128;
    # detail 32 + 96 + 192 + 256; fusion 3 x 128.
    assert count_parameters(cn14, folded=False) == 846_179 + 3 * 10_672


def test_parameters_with_another_number_of_classes():
    # 128 weights and one bias for each of the 8 classes less.
    model = build_model("cn14", num_classes=11, input_shape=(None, None, 3))
    assert count_parameters(model) == 846_179 - 8 * 129


def test_layers_as_the_paper_counts_them(cn14):
    assert count_layers(cn14, "context_") == 38  # section 2.2.2: 12 blocks of 3, and 2 convolutions
    assert count_layers(cn14, "detail_") == 1 + 3 * 2
    assert count_layers(cn14) == 38 + 7 + 3 + 1


def test_multiply_adds_of_cn14_by_hand(cn14):
    # Places x weights. Context branch, 256 x 512 in: 32,768 places after conv1, 8,192 and 2,048 later.
    context = (
        32_768 * 864  # conv1, 9 x 3 x 32
        + 32_768 * (1_024 + 288 + 1_024)  # 32 -> 32 -> 32
        + 32_768 * (6_144 + 1_728 + 6_144)  # 32 -> 192 -> 32
        + 32_768 * 6_144
        + 8_192 * (1_728 + 9_216)  # 32 -> 192 -> 48, stride 2
        + 2 * 8_192 * (13_824 + 2_592 + 13_824)  # 48 -> 288 -> 48
        + 8_192 * 13_824
        + 2_048 * (2_592 + 18_432)  # 48 -> 288 -> 64, stride 2
        + 2 * 2_048 * (24_576 + 3_456 + 24_576)  # 64 -> 384 -> 64
        + 2_048 * (24_576 + 3_456 + 36_864)  # 64 -> 384 -> 96
        + 2_048 * (55_296 + 5_184 + 55_296)  # 96 -> 576 -> 96
        + 2_048 * (55_296 + 5_184 + 73_728)  # 96 -> 576 -> 128
        + 2_048 * (98_304 + 6_912 + 98_304)  # 128 -> 768 -> 128
        + 2_048 * 16_384  # conv2, 128 x 128
    )
    detail = 524_288 * 864 + 131_072 * (288 + 2_048) + 32_768 * (576 + 8_192) + 32_768 * (1_152 + 16_384)
    fusion = 32_768 * (1_152 + 16_384 + 16_384)
    classifier = 32_768 * 2_432  # 128 x 19
    assert (context, detail, fusion) == (2_817_589_248, 1_621_098_496, 1_111_490_560)
    assert context + detail + fusion + classifier == 5_629_870_080

    assert count_multiply_adds(cn14, (1024, 2048)) == 5_629_870_080


def test_multiply_adds_at_the_models_own_size():
    # A 32nd of the height and of the width of 1024 x 2048.
    assert count_multiply_adds(build_model("cn14", input_shape=(32, 64, 3))) == 5_629_870_080 // 1024


def test_multiply_adds_need_a_size(cn14):
    with pytest.raises(InputError, match="its size is unknown; give input_size"):
        count_multiply_adds(cn14)


def test_folding_changes_no_multiply_add(cn14):
    assert count_multiply_adds(fold_batch_norm(cn14), (1024, 2048)) == 5_629_870_080


@pytest.mark.parametrize(
    ("layer", "multiply_adds"),
    [
        (layers.Conv2D(5, 3, strides=2, padding="same"), 4 * 5 * 9 * 4 * 5),
        (layers.Conv2D(6, 3, groups=2, padding="same"), 8 * 10 * 9 * 2 * 6),
        (layers.Conv2D(5, (1, 3)), 8 * 8 * 3 * 4 * 5),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), 8 * 10 * 9 * 4 * 2),
        (layers.Conv2DTranspose(5, 2, strides=2), 8 * 10 * 4 * 4 * 5),
        (layers.SeparableConv2D(5, 3, padding="same"), 8 * 10 * (9 * 4 + 4 * 5)),
        (layers.Dense(7), 8 * 10 * 4 * 7),
        (layers.UpSampling2D(2, interpolation="bilinear"), 0),
        (layers.AveragePooling2D(2), 0),
        (layers.BatchNormalization(), 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_multiply_adds_of_every_kind_of_layer(layer, multiply_adds):
    image = keras.Input((8, 10, 4))
    assert count_multiply_adds(keras.Model(image, layer(image))) == multiply_adds


def test_costs_layer_by_layer():
    image = keras.Input((None, None, 3))
    convolution = layers.Conv2D(3, 1, name="shared")
    x = layers.Add(name="sum")([convolution(image), convolution(layers.ReLU(name="relu")(image))])
    model = keras.Model(image, x)

    costs = layer_costs(model, (4, 5))

    rows = {(c.name, c.operator, c.output_shape, c.multiply_adds) for c in costs}
    assert rows == {
        ("shared", "Conv2D", (4, 5, 3), 180),
        ("relu", "ReLU", (4, 5, 3), 0),
        ("sum", "Add", (4, 5, 3), 0),
    }
    assert sorted(cost.parameters for cost in costs) == [0, 0, 0, 12]  # the shared layer's once


def test_layers_of_inner_models_count_once_a_call():
    image = keras.Input((None, None, 3))
    inner = keras.Model(image, layers.Conv2D(3, 1, use_bias=False, name="conv")(image), name="inner")
    image = keras.Input((None, None, 3))
    x = inner(layers.AveragePooling2D(2, name="half")(image))
    model = keras.Model(image, [inner(image), x, layers.Conv2D(2, 1, name="conv")(x)])

    costs = layer_costs(model, (4, 6))

    assert sorted((cost.name, cost.multiply_adds) for cost in costs) == [
        ("conv", 36),
        ("half", 0),
        ("inner/conv", 54),
        ("inner/conv", 216),
    ]
    assert sum(cost.parameters for cost in costs) == 9 + 8
    assert count_layers(model) == 2
    assert count_parameters(model) == 9 + 8
