import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models.contextnet import upsample
from contextnet_tf.models.registry import build_model


@pytest.fixture(scope="module")
def cn14():
    """cn14 for full-size images, with both outputs: 1024 x 2048, so 256 x 512 in the context branch."""
    return build_model("cn14", aux_head=True)


@pytest.fixture(scope="module")
def small():
    """cn14 as it trains, for any size and 7 classes."""
    return build_model("cn14", num_classes=7, input_shape=(None, None, 3), aux_head=True)


def image(*shape):
    return np.random.default_rng(0).uniform(0.0, 1.0, shape).astype("float32")


def output_shape(model, name):
    return model.get_layer(name).output.shape[1:]


def layers_before(model, tensor):
    """The names of all layers that a tensor depends on."""
    return {layer.name for layer in keras.Model(model.input, tensor).layers}


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        # Table 2: each row's input is the output of the row before it.
        ("context_downsample", (256, 512, 3)),
        ("context_conv1_relu6", (128, 256, 32)),
        ("context_bottleneck1_1_add", (128, 256, 32)),
        ("context_bottleneck2_1_add", (128, 256, 32)),
        ("context_bottleneck3_3_add", (64, 128, 48)),
        ("context_bottleneck4_3_add", (32, 64, 64)),
        ("context_bottleneck5_2_add", (32, 64, 96)),
        ("context_bottleneck6_2_add", (32, 64, 128)),
        ("context_conv2_relu6", (32, 64, 128)),
        # Section 2.2.2: four layers, strides 2, 2, 2 and 1.
        ("detail_conv1_relu6", (512, 1024, 32)),
        ("detail_separable1_pointwise_relu6", (256, 512, 64)),
        ("detail_separable2_pointwise_relu6", (128, 256, 128)),
        ("detail_separable3_pointwise_relu6", (128, 256, 128)),
        # Table 3.
        ("fusion_context_upsample", (128, 256, 128)),
        ("fusion_context_project", (128, 256, 128)),
        ("fusion_detail_project", (128, 256, 128)),
        ("fusion_add", (128, 256, 128)),
        ("classifier", (128, 256, 19)),
        ("main", (1024, 2048, 19)),
        ("aux_classifier", (32, 64, 19)),
        ("aux", (1024, 2048, 19)),
    ],
)
def test_sizes_of_the_tables(cn14, layer, shape):
    assert output_shape(cn14, layer) == shape


@pytest.mark.parametrize(("name", "scale", "context"), [("cn18", 8, 16), ("cn12", 2, 64)])
def test_context_scale_of_the_other_variants(name, scale, context):
    model = build_model(name)

    assert output_shape(model, "context_conv2") == (context, 2 * context, 128)
    assert model.get_layer("context_downsample").pool_size == (scale, scale)
    assert model.get_layer("fusion_context_upsample").size == (scale, scale)
    assert model.get_layer("fusion_context_depthwise").dilation_rate == (scale, scale)


def test_dilation_of_table_3(cn14):
    dilated = [
        layer.name
        for layer in cn14.layers
        if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D) and layer.dilation_rate != (1, 1)
    ]
    assert dilated == ["fusion_context_depthwise"]
    assert cn14.get_layer("fusion_context_depthwise").dilation_rate == (4, 4)


def test_bottleneck_of_table_1(cn14):
    expand, depthwise, project = (
        cn14.get_layer(f"context_bottleneck4_1_{part}") for part in ("expand", "depthwise", "project")
    )
    assert (expand.kernel_size, expand.strides, expand.filters) == ((1, 1), (1, 1), 6 * 48)
    assert (depthwise.kernel_size, depthwise.strides) == ((3, 3), (2, 2))
    assert (project.kernel_size, project.strides, project.filters) == ((1, 1), (1, 1), 64)


def test_residuals_only_where_input_and_output_have_the_same_size(cn14):
    added = [layer.name for layer in cn14.layers if isinstance(layer, layers.Add)]

    assert sorted(added) == sorted(
        f"context_bottleneck{block}_add" for block in ("1_1", "2_1", "3_2", "3_3", "4_2", "4_3", "5_2", "6_2")
    ) + ["fusion_add"]


def test_relu6_is_the_only_nonlinearity(cn14):
    for layer in cn14.layers:
        if isinstance(layer, layers.ReLU):
            assert layer.max_value == 6.0 and not layer.negative_slope
        else:
            assert "activation" not in layer.get_config() or layer.activation is keras.activations.linear
        assert not isinstance(layer, layers.Activation | layers.LeakyReLU | layers.PReLU | layers.ELU)

    # Table 1: after expansion and depth-wise convolution, none after projection; section 2.2.1: none between
    # depth-wise and point-wise in the detail branch; Table 3: after the dilated convolution and the sum.
    blocks = ("1_1", "2_1", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "6_1", "6_2")
    assert sorted(layer.name for layer in cn14.layers if isinstance(layer, layers.ReLU)) == sorted(
        ["context_conv1_relu6", "context_conv2_relu6"]
        + [f"context_bottleneck{block}_{part}_relu6" for block in blocks for part in ("expand", "depthwise")]
        + ["detail_conv1_relu6", *(f"detail_separable{n}_pointwise_relu6" for n in (1, 2, 3))]
        + ["fusion_context_depthwise_relu6", "fusion_relu6"]
    )


def test_nothing_but_normalization_between_depthwise_and_pointwise_in_the_detail_branch(cn14):
    for n in (1, 2, 3):
        normalized = cn14.get_layer(f"detail_separable{n}_depthwise_bn")
        assert normalized.input is cn14.get_layer(f"detail_separable{n}_depthwise").output
        assert cn14.get_layer(f"detail_separable{n}_pointwise").input is normalized.output


def test_normalization_follows_every_convolution_but_the_classifiers(cn14):
    kinds = layers.Conv2D | layers.DepthwiseConv2D
    convolutions = [layer for layer in cn14.layers if isinstance(layer, kinds)]

    assert len(convolutions) == 38 + 7 + 3 + 2
    for convolution in convolutions:
        if convolution.name in ("classifier", "aux_classifier"):
            assert convolution.use_bias
        else:
            assert not convolution.use_bias
            assert cn14.get_layer(f"{convolution.name}_bn").input is convolution.output


def test_dropout_is_right_before_the_classifier_only(cn14):
    assert [layer.name for layer in cn14.layers if isinstance(layer, layers.Dropout)] == ["dropout"]
    assert cn14.get_layer("dropout").input is cn14.get_layer("fusion_relu6").output
    assert cn14.get_layer("classifier").input is cn14.get_layer("dropout").output


def test_auxiliary_head_hangs_on_the_context_branch(cn14):
    before = layers_before(cn14, cn14.output["aux"])

    assert not [name for name in before if name.startswith(("detail_", "fusion_"))]
    assert cn14.get_layer("aux_classifier").input is cn14.get_layer("context_conv2_relu6").output


def test_auxiliary_head_is_built_only_where_asked_for(cn14):
    model = build_model("cn14")

    assert list(model.output) == ["main"]
    names = {layer.name for layer in model.layers}
    assert {layer.name for layer in cn14.layers} - names == {"aux_classifier", "aux"}


def test_two_sizes_through_one_network(small):
    assert small.input_shape == (None, None, None, 3)
    for batch, height, width in ((1, 64, 96), (2, 32, 32)):
        logits = small(image(batch, height, width, 3))
        assert {name: tuple(value.shape) for name, value in logits.items()} == {
            "main": (batch, height, width, 7),
            "aux": (batch, height, width, 7),
        }


def test_auxiliary_loss_reaches_the_context_branch_only(small):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(small(image(2, 64, 64, 3), training=True)["aux"]))
    gradients = tape.gradient(loss, small.trainable_variables)

    reached = [w.path for w, g in zip(small.trainable_variables, gradients, strict=True) if g is not None]
    assert {path.split("_")[0] for path in reached} == {"context", "aux"}


def test_down_sampling_averages_areas():
    model = build_model("cn12", input_shape=(16, 16, 3))
    checks = np.indices((16, 16)).sum(axis=0) % 2  # a chessboard of single pixels: its average is one half
    board = np.repeat(checks[np.newaxis, ..., np.newaxis], 3, axis=-1).astype("float32")

    np.testing.assert_array_equal(model.get_layer("context_downsample")(board), np.full((1, 8, 8, 3), 0.5))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_upsampling_has_half_pixel_centers(factor):
    features = image(2, 3, 5, 4)

    found = keras.Model(x := keras.Input((None, None, 4)), upsample(x, factor, "up"))(features)

    np.testing.assert_array_equal(found, tf.image.resize(features, (3 * factor, 5 * factor)))


def test_upsampling_by_hand():
    row = np.array([0.0, 8.0], "float32").reshape(1, 1, 2, 1)

    found = keras.Model(x := keras.Input((1, 2, 1)), upsample(x, 4, "up"))(row)

    # The centers of the new pixels lie at -3/8, -1/8, 1/8, 3/8, 5/8, ... of the old ones' distance.
    np.testing.assert_allclose(found[0, 0, :, 0], [0, 0, 1, 3, 5, 7, 8, 8])


def test_initial_kernels_keep_the_variance_and_differ(small):
    first = small.get_layer("context_bottleneck3_2_expand").kernel
    second = small.get_layer("context_bottleneck3_3_expand").kernel
    depthwise = small.get_layer("context_bottleneck6_2_depthwise").kernel

    assert np.abs(first - second).max() > 0.1
    assert np.std(first) == pytest.approx((2 / 48) ** 0.5, rel=0.05)  # each output sums 48 products
    assert np.std(depthwise) == pytest.approx((2 / 9) ** 0.5, rel=0.05)  # each output sums 9 products


def test_logits_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_model("cn14", num_classes=3, input_shape=(32, 32, 3), aux_head=True)
    finally:
        keras.config.set_dtype_policy("float32")

    assert model.get_layer("context_conv1").compute_dtype == "bfloat16"
    assert model.get_layer("classifier").compute_dtype == "float32"
    assert {logits.dtype for logits in model(image(1, 32, 32, 3)).values()} == {tf.float32}


def test_saved_and_loaded_without_custom_objects(small, tmp_path):
    small.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)

    assert loaded.name == "cn14"
    expected, found = small(image(1, 64, 32, 3)), loaded(image(1, 64, 32, 3))
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_only_layers_of_keras_itself(small):
    modules = {layer["module"] for layer in json.loads(small.to_json())["config"]["layers"]}
    assert modules == {"keras.layers"}


@pytest.mark.parametrize(
    ("name", "height", "width", "message"),
    [
        ("cn14", 1000, 2000, "input size 1000 x 2000 .*of 32; the nearest are 992 x 1984 and 1024 x 2016"),
        ("cn14", 1024, 2000, "the nearest are 1024 x 1984 and 1024 x 2016"),
        ("cn12", 8, 17, "cn12 takes multiples of 16; the nearest are 16 x 16 and 16 x 32"),
        ("cn18", None, 100, "cn18 takes multiples of 64; the nearest are None x 64 and None x 128"),
        ("cn14", 0, 64, "the nearest are 32 x 64 and 32 x 64"),
    ],
)
def test_a_size_that_does_not_fit_names_those_that_do(name, height, width, message):
    with pytest.raises(InputError, match=message):
        build_model(name, input_shape=(height, width, 3))


def test_images_have_three_channels_and_at_least_two_classes():
    with pytest.raises(InputError, match=r"input_shape = \(64, 64, 4\): it takes \(height, width, 3\)"):
        build_model("cn14", input_shape=(64, 64, 4))
    with pytest.raises(InputError, match="num_classes = 1: a segmentation needs 2 classes or more"):
        build_model("cn14", num_classes=1)
