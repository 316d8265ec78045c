"""Silenced branches against the network with the fused term multiplied by zero."""

import dataclasses

import keras
import numpy as np
import pytest
from statistics_of_a_trained_network import with_statistics
from tiny_network import TINY

from contextnet_tf.analysis.branches import zero_branch
from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.parity import check_parity
from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.registry import build_model

THREE_BRANCHES = dataclasses.replace(TINY, context_scale=4, half_channels=(8, 8, 8))
# Of each branch: the last layer with weights before its term of the fusion.
LAST = {"detail": "fusion_detail_project_bn", "context": "fusion_context_project_bn"}
LAST_OF_THREE = LAST | {"half": "fusion_half_detail_project_bn", "context": "fusion_half_context_project_bn"}


def build(spec, **options):
    keras.utils.set_random_seed(0)
    spec = dataclasses.replace(spec, **options)
    return with_statistics(build_model(spec, num_classes=3, input_shape=(None, None, 3), aux_head=True))


def image():
    return np.random.default_rng(0).random((1, 64, 96, 3), np.float32)


@pytest.mark.parametrize("merge", ["add", "concatenate"])
@pytest.mark.parametrize("order", ["upsample first", "upsample last"])
@pytest.mark.parametrize(
    ("spec", "branch", "last"),
    [(TINY, *item) for item in LAST.items()] + [(THREE_BRANCHES, *item) for item in LAST_OF_THREE.items()],
    ids=[*LAST, *(f"{branch} of three" for branch in LAST_OF_THREE)],
)
def test_the_branch_adds_zeros(spec, branch, last, merge, order):
    model = build(spec, fusion_merge=merge, fusion_order=order)
    whole = np.asarray(model(image())["main"])
    silenced = zero_branch(model, branch)
    found = {name: np.asarray(x) for name, x in silenced(image()).items()}
    # The same by hand: a scale and shift of 0 make the term 0.
    scale, shift, *statistics = model.get_layer(last).get_weights()
    model.get_layer(last).set_weights([0 * scale, 0 * shift, *statistics])
    for name, expected in model(image()).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6)
    assert np.abs(found["main"] - whole).max() > 1e-3


def test_layers_of_the_silenced_branch_are_left_out():
    names = [layer.name for layer in zero_branch(build(TINY), "detail").layers]
    assert not [name for name in names if name.startswith("detail_")]
    assert "context_conv1" in names and "aux" in names
    assert spec_of(zero_branch(build(TINY), "detail")) is None


def test_the_network_itself_stays():
    model = build(TINY)
    before = np.asarray(model(image())["main"])
    zero_branch(model, "context").get_layer("classifier").bias.assign(np.ones(3))
    np.testing.assert_array_equal(model(image())["main"], before)


@pytest.mark.parametrize("merge", ["add", "concatenate"])
@pytest.mark.parametrize("branch", ["detail", "context"])
def test_folded_saved_and_exported(branch, merge, tmp_path):
    folded = fold_batch_norm(build(TINY, fusion_merge=merge))
    silenced = zero_branch(folded, branch)
    expected = zero_branch(build(TINY, fusion_merge=merge), branch)(image())["main"]
    np.testing.assert_allclose(silenced(image())["main"], expected, rtol=1e-3, atol=1e-4)
    silenced.save(tmp_path / "silenced.keras")
    loaded = load_network(tmp_path / "silenced.keras")
    np.testing.assert_array_equal(loaded(image())["main"], silenced(image())["main"])
    export_tflite(loaded, tmp_path / "model.tflite", size=(64, 96))
    images = (image() * 255).astype(np.uint8)
    assert check_parity(tmp_path / "model.tflite", silenced, images).largest_difference < 1e-3


def test_other_branches_and_networks_are_refused():
    with pytest.raises(InputError, match="branch 'shallow': network 'tiny' has the branches context, detail$"):
        zero_branch(build(TINY), "shallow")
    with pytest.raises(InputError, match="branch 'half': network 'tiny' has the branches context, detail$"):
        zero_branch(build(TINY), "half")
    for name in ("detail-only", "erfnet"):
        with pytest.raises(InputError, match=f"network '{name}': has no fusion unit"):
            zero_branch(build_model(name, num_classes=3, input_shape=(None, None, 3)), "detail")
