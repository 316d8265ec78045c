"""Each option of a spec changes what it says and nothing else."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

from contextnet_tf.analysis.complexity import count_layers, count_multiply_adds, count_parameters
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import VARIANTS

CN14 = VARIANTS["cn14"]


def build(**options):
    spec = dataclasses.replace(CN14, **options)
    return build_model(spec, input_shape=(None, None, 3), aux_head=True)


@pytest.fixture(scope="module")
def cn14():
    return build()


def description(model):
    """What each layer is and takes: {name: (settings, names of the layers before it)}."""
    config = model.get_config()["layers"]
    return {layer["name"]: (str(layer["config"]), str(_names(layer["inbound_nodes"]))) for layer in config}


def _names(inbound):
    return [tensor["config"]["keras_history"][0] for tensor in _tensors(inbound)]


def _tensors(value):
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [tensor for child in children for tensor in _tensors(child)]


def differences(model, other):
    """The names of the layers only in the one, only in the other, and in both but not alike."""
    ours, theirs = description(model), description(other)
    changed = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    return ours.keys() - theirs.keys(), theirs.keys() - ours.keys(), changed


def logits(model, image):
    return np.asarray(model(image, training=False)["main"])


def image(height=64, width=96):
    return np.random.default_rng(0).uniform(0.0, 1.0, (1, height, width, 3)).astype("float32")


def test_without_an_option_nothing_changes(cn14):
    assert differences(cn14, build()) == (set(), set(), set())


def test_pyramid_pooling_follows_the_context_branch(cn14):
    model = build(pyramid_bins=(1, 2, 3, 6))
    gone, new, changed = differences(cn14, model)

    parts = {f"context_pyramid_{part}{n}" for part in ("pool", "resize") for n in (1, 2, 3, 6)}
    assert (gone, new) == (set(), parts | {"context_pyramid_add"})
    # Nothing but what took the context branch's output takes another input now.
    assert changed == {"fusion_context_upsample", "aux_classifier"}
    assert model.get_layer("fusion_context_upsample").input is model.get_layer("context_pyramid_add").output
    assert count_parameters(model) == count_parameters(cn14)


@pytest.mark.parametrize("size", [(32, 32), (96, 160)])
def test_pyramid_pooling_takes_any_size(size):
    assert logits(build(pyramid_bins=(1, 2, 3, 6)), image(*size)).shape == (1, *size, 19)


def test_fusion_by_concatenation(cn14):
    model = build(fusion_merge="concatenate")

    assert differences(cn14, model) == ({"fusion_add"}, {"fusion_concatenate"}, {"fusion_relu6"})
    assert model.get_layer("fusion_concatenate").output.shape[-1] == 256
    # The classifier has 128 inputs more for each of the 19 classes.
    assert count_parameters(model) == count_parameters(cn14) + 128 * 19


def test_upsampling_last(cn14):
    model = build(fusion_order="upsample last")
    gone, new, changed = differences(cn14, model)

    assert (gone, new) == (set(), set())
    assert changed == {"fusion_context_upsample", "fusion_context_depthwise", "fusion_add"}
    assert model.get_layer("fusion_context_depthwise").dilation_rate == (1, 1)
    assert model.get_layer("fusion_context_upsample").input is model.get_layer("fusion_context_project_bn").output
    assert count_parameters(model) == count_parameters(cn14)
    # The context's depth-wise and 1x1 convolution work at 1/32 instead of 1/8: 2,048 places for 32,768.
    saved = (32_768 - 2_048) * (9 * 128 + 128 * 128)
    difference = count_multiply_adds(cn14, (1024, 2048)) - count_multiply_adds(model, (1024, 2048))
    assert difference == saved == 538_705_920


def test_upsampling_last_gives_the_same_inside():
    first, last = build(), build(fusion_order="upsample last")
    # Where ReLU6 clips nothing the two differ only at the frame: small depth-wise kernels and an offset of 3.
    depthwise = first.get_layer("fusion_context_depthwise")
    depthwise.kernel.assign(np.random.default_rng(1).uniform(-0.05, 0.05, depthwise.kernel.shape))
    first.get_layer("fusion_context_depthwise_bn").beta.assign(np.full(128, 3.0))
    for layer in first.layers:
        last.get_layer(layer.name).set_weights(layer.get_weights())

    def context_features(model):
        return np.asarray(keras.Model(model.input, model.get_layer("fusion_add").input[0])(image(256, 256)))

    expected, found = context_features(first), context_features(last)
    # 6 of the 32 rows and columns on each side: the kernel reaches 4 and interpolation 2 further.
    inside = np.s_[:, 6:-6, 6:-6]
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-4, atol=1e-4)
    assert np.abs(found - expected).max() > 1e-3


def test_asymmetric_kernels_in_every_bottleneck(cn14):
    model = build(asymmetric_kernel=9, context_scale=1)
    blocks = ("1_1", "2_1", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "6_1", "6_2")
    gone, new, changed = differences(build(context_scale=1), model)

    names = [f"context_bottleneck{block}_depthwise" for block in blocks]
    assert gone == {*names, *(f"{name}_bn" for name in names)}
    parts = ("pad", "vertical", "vertical_bn", "horizontal", "horizontal_bn")
    assert new == {f"{name}_{part}" for name in names for part in parts}
    assert changed == {f"{name}_relu6" for name in names}
    for name in names:
        vertical, horizontal = (model.get_layer(f"{name}_{part}") for part in ("vertical", "horizontal"))
        strides = (2, 2) if name[18:21] in ("3_1", "4_1") else (1, 1)
        assert (vertical.kernel_size, vertical.strides) == ((9, 1), (1, 1))
        assert (horizontal.kernel_size, horizontal.strides) == ((1, 9), strides)
    # 9 weights and a bias for each channel twice instead of once. The channels of the blocks' middle layers:
    channels = 32 + 192 + 192 + 288 + 288 + 288 + 384 + 384 + 384 + 576 + 576 + 768
    assert count_parameters(model) == count_parameters(cn14) + 10 * channels
    assert count_layers(model, "context_") == 38 + 12


def test_asymmetric_kernels_are_a_square_one_of_rank_one(cn14):
    model = build(asymmetric_kernel=3)
    random = np.random.default_rng(2)
    for layer in cn14.layers:
        if layer.name.startswith("context_bottleneck") and isinstance(layer, layers.DepthwiseConv2D):
            column, row = (random.normal(0, 0.4, (3, layer.kernel.shape[2])) for _ in range(2))
            layer.kernel.assign((column[:, None] * row[None])[..., None])
            model.get_layer(f"{layer.name}_vertical").kernel.assign(column[:, None, :, None])
            model.get_layer(f"{layer.name}_horizontal").kernel.assign(row[None, ..., None])
        elif not layer.name.endswith("depthwise_bn") or "bottleneck" not in layer.name:
            model.get_layer(layer.name).set_weights(layer.get_weights())
    for other in (cn14, model):  # normalization that divides by exactly 1
        for layer in other.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.moving_variance.assign(np.full(layer.moving_variance.shape, 1 - layer.epsilon))

    expected = logits(cn14, image())
    np.testing.assert_allclose(logits(model, image()), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_a_branch_at_half_size(cn14):
    model = build_model("cn124", aux_head=True)

    def shape(name):
        return model.get_layer(name).output.shape[1:]

    assert shape("half_downsample") == (512, 1024, 3)
    assert shape("half_conv1_relu6") == (256, 512, 32)
    assert shape("half_separable1_pointwise_relu6") == (128, 256, 64)
    assert shape("half_separable2_pointwise_relu6") == (64, 128, 128)
    assert shape("half_separable4_pointwise_relu6") == (64, 128, 128)
    assert shape("fusion_half_relu6") == (64, 128, 128)
    assert shape("fusion_relu6") == (128, 256, 128)
    # Coarse to fine: the context joins the branch at half size, the two join the detail branch.
    assert model.get_layer("fusion_half_context_upsample").input is model.get_layer("context_conv2_relu6").output
    assert model.get_layer("fusion_context_upsample").input is model.get_layer("fusion_half_relu6").output
    for name in ("fusion_half_context", "fusion_context"):
        assert model.get_layer(f"{name}_upsample").size == (2, 2)
        assert model.get_layer(f"{name}_depthwise").dilation_rate == (2, 2)
    assert model.get_layer("aux_classifier").input is model.get_layer("context_conv2_relu6").output
    assert count_layers(model, "half_") == 1 + 4 * 2
    # The branch's convolution, its separable layers, and one more fusion unit: convolutions with a bias each.
    branch = (27 * 32 + 32) + (10 * 32 + 32 * 64 + 64) + (10 * 64 + 64 * 128 + 128) + 2 * (10 * 128 + 128 * 128 + 128)
    fusion = 10 * 128 + 2 * (128 * 128 + 128)
    assert count_parameters(build_model("cn124")) == 846_179 + branch + fusion == 928_355


@pytest.mark.parametrize(("name", "prefix"), [("context-only", "context_"), ("detail-only", "detail_")])
def test_the_branches_alone_are_those_of_cn14(cn14, name, prefix):
    model = build_model(name, input_shape=(None, None, 3), aux_head=True)
    gone, new, changed = differences(cn14, model)

    assert new == set()
    assert not [layer for layer in gone if layer.startswith(prefix)]
    assert {layer for layer in description(model) if not layer.startswith(prefix)} == {
        "image", "dropout", "classifier", "main"
    }  # fmt: skip
    assert changed == {"dropout", "main"} if name == "context-only" else {"dropout"}
    assert list(model.output) == ["main"]


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_wider_networks_differ_in_nothing_but_their_widths(name):
    """So that the next narrower network can be made by leaving filters out."""
    sequence = [VARIANTS[name].widened(factor) for factor in (2, 1.5, 1.25, 1)]
    networks = [build_model(spec, input_shape=(None, None, 3)) for spec in sequence]

    for wide, narrow in zip(networks, networks[1:]):
        assert [layer.name for layer in wide.layers] == [layer.name for layer in narrow.layers]
        for more, less in zip(wide.layers, narrow.layers):
            assert _names(more.get_config()) == _names(less.get_config())
            for a, b in zip(more.get_weights(), less.get_weights(), strict=True):
                assert a.shape[:2] == b.shape[:2] if a.ndim == 4 else a.ndim == b.ndim
                assert all(ours >= theirs for ours, theirs in zip(a.shape, b.shape, strict=True))
