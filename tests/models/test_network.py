"""The spec that travels with a network: into its file, back from it, and into changed copies."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest
from tiny_network import TINY

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.channel_tiling import with_channel_tiling
from contextnet_tf.deployment.network import at_size, folded_at_size, pooling_as_convolution
from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.outputs import without_aux_heads, without_upsampling
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import VARIANTS, ContextNetSpec
from contextnet_tf.training.precision import clone_network

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "run"
EVERY_OPTION = ContextNetSpec(
    "every_option",
    context_scale=2,
    context_rows=(("conv3x3", None, 8, 2, 2), ("bottleneck", 6, 16, 1, 2), ("bottleneck", 1, 8, 2, 2)),
    detail_channels=(8, 8, 16, 8),
    half_channels=(8, 8, 8),
    fusion_channels=24,
    dropout_rate=0.25,
    pyramid_bins=(1, 2),
    asymmetric_kernel=5,
    fusion_merge="concatenate",
    fusion_order="upsample last",
)


def build(spec=TINY, size=(None, None)):
    return build_model(spec, num_classes=3, input_shape=(*size, 3), aux_head=True)


@pytest.mark.parametrize(
    "spec",
    [TINY, EVERY_OPTION, VARIANTS["cn124"].widened(0.25), dataclasses.replace(TINY, branches="detail")],
    ids=lambda spec: spec.name,
)
def test_saved_with_the_network_and_loaded_in_safe_mode(spec, tmp_path):
    network = build(spec)
    assert spec_of(network) == spec
    network.save(tmp_path / "network.keras")
    loaded = load_network(tmp_path / "network.keras")
    assert spec_of(loaded) == spec
    # The spec builds the same network again: its weights fit.
    again = build(spec_of(loaded))
    again.set_weights(loaded.get_weights())
    image = np.random.default_rng(0).random((1, 32, 64, 3), np.float32)
    np.testing.assert_array_equal(again(image)["main"], loaded(image)["main"])


def test_names_know_their_spec():
    assert spec_of(build_model("cn14")) is VARIANTS["cn14"]
    assert spec_of(build_model("cn14x1.5")) == VARIANTS["cn14"].widened(1.5)
    assert spec_of(build_model("detail-only")).branches == "detail"
    assert spec_of(build_model("erfnet")) is None


@pytest.mark.parametrize(
    "changed",
    [
        fold_batch_norm,
        lambda network: at_size(network, (32, 48)),
        lambda network: folded_at_size(network, (32, 48)),
        without_aux_heads,
        lambda network: without_upsampling(network)[0],
        lambda network: clone_network(network, dtype_policy="mixed_bfloat16"),
        pooling_as_convolution,
    ],
    ids=["fold", "at_size", "folded_at_size", "without_aux_heads", "without_upsampling", "clone", "pooling"],
)
def test_copies_with_the_same_channels_keep_it(changed):
    assert spec_of(changed(build())) == TINY


def test_copies_with_other_layers_lose_it():
    spec = dataclasses.replace(TINY, context_rows=(("conv3x3", None, 16, 1, 4), ("bottleneck", 6, 16, 1, 2)))
    network = fold_batch_norm(build(spec, (32, 64)))
    assert spec_of(network) == spec
    assert spec_of(with_channel_tiling(network)) is None


def test_a_folded_network_keeps_it_in_its_file(tmp_path):
    fold_batch_norm(build()).save(tmp_path / "folded.keras")
    assert spec_of(load_network(tmp_path / "folded.keras")) == TINY


def test_files_of_version_0_1_have_none_and_give_the_same_logits():
    network = load_network(GOLDEN)
    expected = np.load(GOLDEN / "expected.npz")
    found = network(expected["image"][np.newaxis].astype(np.float32) / 255, training=False)["main"]
    np.testing.assert_allclose(found[0, ::4, ::4], expected["keras"], rtol=1e-4, atol=1e-4)
    assert spec_of(network) is None
    assert build_model(TINY, num_classes=19, input_shape=(None, None, 3)).count_params() == network.count_params()


def test_a_spec_in_a_file_that_cannot_be_built_is_refused(tmp_path):
    network = build()
    config = network.get_config()
    json.dumps(config["spec"])  # plain values alone
    for change, message in (
        ({"context_scale": 0}, "context_scale = 0; it takes a whole number"),
        ({"depth": 5}, "network 'tiny': has unknown fields: depth"),
    ):
        with pytest.raises(InputError, match=message):
            type(network).from_config(config | {"spec": config["spec"] | change})


def test_keras_clones_it_as_a_network_without_spec():
    assert spec_of(keras.models.clone_model(build())) is None
