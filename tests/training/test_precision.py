"""Which layers are computed in half precision; the steps that are; loss scaling by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_batches import small_network, stepped

from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.precision import LossScale, clone_network

HALF = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


@pytest.mark.parametrize("precision", HALF)
def test_all_but_logits_and_resizing_is_in_half_precision(precision):
    model = small_network(frozen=False)
    mixed = clone_network(model, dtype_policy=precision)
    exact = {layer.name for layer in mixed.layers if layer.compute_dtype == "float32"}
    assert exact == {
        "image", "context_downsample", "fusion_context_upsample", "classifier", "main", "aux_classifier", "aux",
    }  # fmt: skip
    assert {layer.compute_dtype for layer in mixed.layers if layer.name not in exact} == {HALF[precision]}
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    for weight, other in zip(model.weights, mixed.weights, strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize("name", ["cn124", "icnet", "enet"])
def test_other_networks_give_float32_logits(name):
    assert name in model_names()
    mixed = clone_network(
        build_model(name, num_classes=3, input_shape=(None, None, 3), aux_head=True), dtype_policy="mixed_bfloat16"
    )
    assert {output.dtype for output in mixed.output.values()} == {"float32"}
    assert all(layer.compute_dtype == "float32" for layer in mixed.layers if "upsample" in layer.name)


@pytest.fixture(scope="module")
def exact():
    """The figures of three steps in float32."""
    return stepped(ComputeConfig(), 3, frozen=True)[2]


@pytest.mark.parametrize("precision", HALF)
def test_steps_in_half_precision_are_those_of_float32_but_for_rounding(precision, exact, tmp_path):
    _, ema, half = stepped(ComputeConfig(dtype_policy=precision), 3, frozen=True)
    for figures, others in zip(exact, half, strict=True):
        assert others["loss"] == pytest.approx(figures["loss"], rel=0.02)
        assert others["gradient_norm"] == pytest.approx(figures["gradient_norm"], rel=0.1)
    assert half != exact
    # What a run keeps is float32 throughout.
    ema.save(tmp_path / "best.keras")
    loaded = load_network(tmp_path / "best.keras")
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    assert not any(layer.synchronized for layer in loaded.layers if isinstance(layer, keras.layers.BatchNormalization))


def test_loss_scale_is_halved_by_an_overflow_and_doubled_after_2000_steps():
    scale = LossScale()
    assert float(scale.value) == 32768
    scale.update(tf.constant(False))
    assert float(scale.value) == 16384
    scale.good_steps.assign(1998)
    scale.update(tf.constant(True))
    assert (float(scale.value), int(scale.good_steps)) == (16384, 1999)
    scale.update(tf.constant(True))
    assert (float(scale.value), int(scale.good_steps)) == (32768, 0)


def test_a_step_that_overflows_changes_no_weight(monkeypatch):
    real = LossScale.__init__

    def too_large(self):
        real(self)
        self.value.assign(2.0**120)

    monkeypatch.setattr(LossScale, "__init__", too_large)
    before = small_network(frozen=True).get_weights()
    model, _, (figures,) = stepped(ComputeConfig(dtype_policy="mixed_float16"), 1, frozen=True)
    assert np.isfinite(figures["loss"]) and not np.isfinite(figures["gradient_norm"])
    for weight, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_unknown_precisions_are_refused():
    with pytest.raises(InputError, match="`dtype_policy=int8` is unknown; choose from float32, mixed_float16"):
        ComputeConfig(dtype_policy="int8").place(small_network(frozen=False))


def test_compiled_steps_are_the_same(exact):
    _, _, compiled = stepped(ComputeConfig(jit_compile=True), 3, frozen=True)
    for figures, others in zip(exact, compiled, strict=True):
        assert others == pytest.approx(figures, abs=1e-4)
