"""Pruning: what is coupled, the exact checks, and what cannot be pruned."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
from keras import layers
from tiny_network import TINY

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.compression.prune import prune_filters, pruning_groups
from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import TABLE_2, VARIANTS, ContextNetSpec, with_channels

CN14 = VARIANTS["cn14"]
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "run"
# Small, and every part of a network is there: blocks with and without residual connection, several in a row.
SMALL = ContextNetSpec(
    "small",
    context_scale=2,
    context_rows=(
        ("conv3x3", None, 8, 1, 2),
        ("bottleneck", 1, 8, 1, 1),
        ("bottleneck", 2, 16, 3, 2),
        ("bottleneck", 3, 24, 2, 2),
        ("conv1x1", None, 16, 1, 1),
    ),
    detail_channels=(8, 16, 24, 16),
    fusion_channels=16,
)
OPTIONS = {
    "as in the paper": {},
    "three branches": {"context_scale": 4, "half_channels": (8, 16, 8, 16)},
    "context only": {"branches": "context"},
    "detail only": {"branches": "detail"},
    "pyramid": {"pyramid_bins": (1, 2)},
    "asymmetric kernels": {"asymmetric_kernel": 5},
    "concatenation": {"fusion_merge": "concatenate"},
    "upsample last": {"fusion_order": "upsample last"},
    "three branches concatenated": {"context_scale": 4, "half_channels": (8, 8, 16), "fusion_merge": "concatenate"},
}
every_option = pytest.mark.parametrize(
    "spec", [dataclasses.replace(SMALL, **options) for options in OPTIONS.values()], ids=OPTIONS
)


def build(spec, *, aux_head=True, seed=0):
    """A network whose weights and statistics are all random."""
    keras.utils.set_random_seed(seed)
    model = build_model(spec, num_classes=5, input_shape=(None, None, 3), aux_head=aux_head)
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            bounds = (0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (0.5, 1.5)  # gamma, beta, mean, variance
            layer.set_weights([random.uniform(*b, layer.gamma.shape) for b in bounds])
    return model


def logits(model):
    image = np.random.default_rng(1).random((1, 64, 96, 3), np.float32)
    return {name: np.asarray(x) for name, x in model(image, training=False).items()}


def assert_same_function(model, other):
    expected, found = logits(model), logits(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert np.abs(value).max() > 0.1
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5 * np.abs(value).max())


@every_option
def test_pruning_to_the_same_widths_is_the_identity(spec):
    model = build(spec)
    pruned = prune_filters(model, spec)
    assert spec_of(pruned) == spec
    for weight, expected in zip(pruned.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def padded(values, axis, indices, size):
    """`values` at `indices` of an axis of this size, zeros elsewhere."""
    shape = list(values.shape)
    shape[axis] = size
    larger = np.zeros(shape, np.float32)
    larger[(slice(None),) * axis + (indices,)] = values
    return larger


def with_zero_filters(narrow, wide):
    """Gives the wide network the narrow one's function: its channels somewhere, and zero filters between them.

    A channel's place is drawn once for all layers of its group in the wide network.
    """
    random = np.random.default_rng(3)
    groups = {}
    for group in pruning_groups(wide):
        first = narrow.get_layer(group.filters[0])
        places = np.sort(random.choice(group.channels, first.filters, replace=False))
        groups |= dict.fromkeys(group.filters, (places, group.channels))

    def places_of(tensor):
        """The places of a tensor's channels in the wide network, and how many those are."""
        layer = tensor._keras_history.operation
        if isinstance(layer, layers.InputLayer):
            return np.arange(3), 3
        if isinstance(layer, layers.Conv2D) and type(layer) is layers.Conv2D:
            return groups.get(layer.name, (np.arange(layer.filters), layer.filters))
        inputs = keras.tree.flatten(layer.input)
        if isinstance(layer, layers.Concatenate):
            (first, width), (second, more) = map(places_of, inputs)
            return np.concatenate([first, second + width]), width + more
        return places_of(inputs[0])

    for layer in narrow.layers:
        if not layer.weights:
            continue
        after, before = places_of(layer.output), places_of(layer.input)
        target = wide.get_layer(layer.name)
        weights = []
        for weight in layer.get_weights():
            if weight.ndim == 4:
                weight = padded(weight, 2, *before)
            if not isinstance(layer, layers.DepthwiseConv2D):
                weight = padded(weight, weight.ndim - 1, *after)
            elif weight.ndim == 1:
                weight = padded(weight, 0, *after)
            weights.append(weight)
        target.set_weights(weights)
    return wide


@every_option
def test_a_network_whose_extra_filters_are_zero_computes_the_same_before_and_after(spec):
    narrow = build(spec)
    wide = with_zero_filters(narrow, build(spec.widened(1.5), seed=1))
    assert_same_function(narrow, wide)
    pruned = prune_filters(wide, spec)
    assert_same_function(wide, pruned)
    for weight, expected in zip(pruned.get_weights(), narrow.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_the_strongest_filters_stay_by_hand():
    spec = dataclasses.replace(TINY, branches="detail", detail_channels=(8, 8, 8, 2))
    wide, narrow = dataclasses.replace(spec, detail_channels=(8, 8, 8, 4)), spec
    model = build(wide)
    kernel = np.zeros((1, 1, 8, 4), np.float32)
    kernel[0, 0, :2] = [[1, -3, 0, 0.5], [-1, 0, 2.5, 0.5]]  # L1 norms 2, 3, 2.5 and 1
    model.get_layer("detail_separable3_pointwise").set_weights([kernel])
    pruned = prune_filters(model, narrow)
    np.testing.assert_array_equal(pruned.get_layer("detail_separable3_pointwise").kernel, kernel[..., [1, 2]])
    for weight, whole in zip(
        pruned.get_layer("detail_separable3_pointwise_bn").get_weights(),
        model.get_layer("detail_separable3_pointwise_bn").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(weight, whole[[1, 2]])
    classifier, bias = model.get_layer("classifier").get_weights()
    np.testing.assert_array_equal(pruned.get_layer("classifier").kernel, classifier[:, :, [1, 2]])
    np.testing.assert_array_equal(pruned.get_layer("classifier").bias, bias)


def test_a_residual_group_drops_the_same_channels_everywhere():
    model = build(SMALL.widened(2))
    group = ("context_bottleneck2_1_project", "context_bottleneck2_2_project", "context_bottleneck2_3_project")
    pruned = prune_filters(model, SMALL)
    norms = sum(np.abs(np.asarray(model.get_layer(name).kernel)).sum(axis=(0, 1, 2)) for name in group)
    kept = np.sort(np.argsort(-norms)[:16])
    for name in group:
        scale = np.asarray(model.get_layer(f"{name}_bn").gamma)  # no two are alike
        np.testing.assert_array_equal(pruned.get_layer(f"{name}_bn").gamma, scale[kept])
    # The block after it reads these channels.
    mean = np.abs(np.asarray(model.get_layer("context_bottleneck3_1_expand").kernel)[:, :, kept]).sum(axis=(0, 1, 2))
    assert set(np.abs(pruned.get_layer("context_bottleneck3_1_expand").kernel).sum(axis=(0, 1, 2))) <= set(mean)


def test_groups_of_cn14():
    model = build_model("cn14", num_classes=5, input_shape=(None, None, 3), aux_head=True)
    groups = pruning_groups(model)
    found = {group.filters: group for group in groups}
    # conv1 and the blocks 1 and 2 keep 32 channels, and each adds its input.
    first = found["context_conv1", "context_bottleneck1_1_project", "context_bottleneck2_1_project"]
    assert first.channels == 32
    assert first.joined_by == ("context_bottleneck1_1_add", "context_bottleneck2_1_add")
    assert first.followers == (
        "context_conv1_bn", "context_bottleneck1_1_project_bn", "context_bottleneck2_1_project_bn",
    )  # fmt: skip
    assert first.readers == (
        "context_bottleneck1_1_expand", "context_bottleneck2_1_expand", "context_bottleneck3_1_expand",
    )  # fmt: skip
    expanded = found["context_bottleneck4_1_expand",]
    assert expanded.followers == (
        "context_bottleneck4_1_expand_bn", "context_bottleneck4_1_depthwise", "context_bottleneck4_1_depthwise_bn",
    )  # fmt: skip
    assert (expanded.channels, expanded.joined_by) == (288, ())
    context = found["context_conv2",]
    assert set(context.readers) == {"aux_classifier", "fusion_context_project"}
    assert "fusion_context_depthwise" in context.followers
    fusion = found["fusion_detail_project", "fusion_context_project"]
    assert (fusion.channels, fusion.joined_by, fusion.readers) == (128, ("fusion_add",), ("classifier",))
    # 5 groups of joined blocks, 12 expansions, 1 and 4 single convolutions, the fusion; no classifier.
    assert len(groups) == 5 + 12 + 1 + 4 + 1
    assert not [group for group in groups if "classifier" in str(group.filters)]


def test_groups_are_printable():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 1, name="a")(image)
    y = layers.Add(name="sum")([x, layers.Conv2D(4, 1, name="b")(layers.BatchNormalization(name="a_bn")(x))])
    model = keras.Model(image, layers.Conv2D(2, 1, name="last")(y))
    (group,) = pruning_groups(model)
    assert str(group) == "4 channels\n  filters of a, b\n  joined by sum\n  followed by a_bn\n  read by b, last"


def test_the_sequence_of_the_paper_ends_at_846179_parameters():
    model = build_model(CN14.widened(2), input_shape=(None, None, 3))
    for factor in (1.5, 1.25, 1):
        model = prune_filters(model, CN14.widened(factor))
        assert spec_of(model) == CN14.widened(factor)
    assert count_parameters(model) == 846_179


def test_a_file_of_version_0_1_which_holds_no_spec_is_pruned():
    model = load_network(GOLDEN)
    assert spec_of(model) is None
    pruned = prune_filters(model, dataclasses.replace(TINY, fusion_channels=4))
    assert pruned.get_layer("classifier").kernel.shape == (1, 1, 4, 19)
    assert_same_function(model, prune_filters(model, TINY))


def test_any_channels_may_be_the_target():
    rows = with_channels(TABLE_2, (20, 20, 20, 40, 50, 77, 120, 100))
    spec = dataclasses.replace(
        CN14, name="mine", context_rows=rows, detail_channels=(24, 60, 100, 128), fusion_channels=90
    )
    model = build_model("cn14", num_classes=5, input_shape=(None, None, 3), aux_head=True)
    pruned = prune_filters(model, spec)
    assert (pruned.name, list(pruned.output)) == ("mine", ["main", "aux"])
    assert pruned.get_layer("context_conv2").filters == 100
    kept = np.asarray(pruned.get_layer("detail_conv1").kernel)
    whole = np.asarray(model.get_layer("detail_conv1").kernel)
    assert all(any(np.array_equal(kept[..., i], whole[..., j]) for j in range(32)) for i in range(24))


def test_residual_connections_may_differ():
    # With other widths the blocks 1 and 2 of the wide network have none.
    narrow = dataclasses.replace(SMALL, fusion_channels=8)
    rows = with_channels(SMALL.context_rows, (16, 8, 16, 24, 16))
    wide = dataclasses.replace(SMALL, name="wide", context_rows=rows)
    for model, spec in ((build(wide), narrow), (build(SMALL), dataclasses.replace(SMALL, context_rows=with_channels(
        SMALL.context_rows, (4, 8, 16, 24, 16)
    )))):  # fmt: skip
        added = {layer.name for layer in model.layers if isinstance(layer, layers.Add)}
        pruned = prune_filters(model, spec)
        assert added ^ {layer.name for layer in pruned.layers if isinstance(layer, layers.Add)} == {
            "context_bottleneck1_1_add"
        }
        assert np.isfinite(logits(pruned)["main"]).all()


def test_the_auxiliary_head_stays_only_where_there_is_one():
    for aux_head in (True, False):
        pruned = prune_filters(build(SMALL.widened(2), aux_head=aux_head), SMALL)
        assert ("aux" in pruned.output) == aux_head


@pytest.mark.parametrize(
    ("model", "spec", "message"),
    [
        (SMALL, SMALL.widened(2), "'small' cannot be pruned to 'smallx2': layer .* has 8 filters, fewer than 16"),
        (SMALL, dataclasses.replace(SMALL, context_scale=4), r"'context_downsample' has pool_size \(2, 2\) instead of"),
        (SMALL, dataclasses.replace(SMALL, branches="detail"), "only one of them has the layer 'aux'"),
        (SMALL, dataclasses.replace(SMALL, asymmetric_kernel=3), "only one of them has the layer 'context_bottleneck1"),
    ],
    ids=["wider", "other scale", "other branches", "other kernels"],
)
def test_other_networks_are_refused(model, spec, message):
    with pytest.raises(InputError, match=message):
        prune_filters(build(model), spec)


def test_folded_and_foreign_networks_are_refused():
    with pytest.raises(InputError, match=r"has the layer 'context_.*_bn' \(is it folded\? prune first\)"):
        prune_filters(fold_batch_norm(build(SMALL.widened(2))), SMALL)
    with pytest.raises(
        InputError, match="network 'erfnet' cannot be pruned to 'small': only one of them has the layer"
    ):
        prune_filters(build_model("erfnet", num_classes=5, input_shape=(None, None, 3)), SMALL)
    image = keras.Input((None, None, 3))
    with pytest.raises(InputError, match="network 'other': cannot be pruned, as it has no output 'main'"):
        prune_filters(keras.Model(image, layers.Conv2D(4, 1)(image), name="other"), SMALL)
    with pytest.raises(InputError, match="layer 'places': it is unknown how a Flatten couples channels"):
        pruning_groups(keras.Model(image, layers.Flatten(name="places")(image)))
