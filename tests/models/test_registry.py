import keras
import pytest

from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.errors import InputError
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.models.spec import VARIANTS


def test_names_of_the_papers_tables():
    table_4 = ("cn18", "cn14", "cn12", "cn124", "cn14-500", "cn14-160")
    tables_6_and_7 = ("segnet", "enet", "erfnet", "icnet", "pspnet", "deeplab_v2")
    assert {*table_4, "context-only", "detail-only", *tables_6_and_7} <= set(model_names())


def test_model_is_built_from_a_spec():
    model = build_model(VARIANTS["cn14"].widened(2), input_shape=(64, 64, 3))

    assert model.name == "cn14x2"
    assert model.get_layer("context_conv1").filters == 64


@pytest.mark.parametrize(
    "name", ["cn18", "cn14", "cn12", "cn124", "cn14-500", "cn14-160", "context-only", "detail-only"]
)
@pytest.mark.parametrize("factor", [2, 1.5, 1.25, 1, 0.5])
def test_each_contextnet_is_built_by_the_name_that_widening_gives(name, factor):
    spec = spec_of(build_model(name, input_shape=(None, None, 3))).widened(factor)

    model = build_model(spec.name, input_shape=(None, None, 3))

    assert spec_of(model) == spec
    assert model.name == (name if factor == 1 else f"{name}x{factor}")


def test_channels_first_is_refused(monkeypatch):
    """Another part of the process may have set it, and the network would have other axes."""
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(InputError, match="^Keras is set to channels_first; call "):
        build_model("cn14", input_shape=(64, 64, 3))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
def test_export_under_another_dtype_policy_is_refused(policy, tmp_path):
    """The new layers would compute in it, and the TFLite converter fails."""
    model = build_model("cn14-160", num_classes=3, input_shape=(64, 64, 3))
    keras.config.set_dtype_policy(policy)
    try:
        with pytest.raises(InputError, match=f"^Keras' dtype policy is {policy}, but networks are folded, pruned and "):
            export_tflite(model, tmp_path / "model.tflite")
    finally:
        keras.config.set_dtype_policy("float32")


def test_names_of_a_network_that_was_widened_twice():
    twice = VARIANTS["cn14"].widened(0.5).widened(1.5)
    assert spec_of(build_model(twice.name, input_shape=(None, None, 3))) == twice


@pytest.mark.parametrize("name", ["cn14x17", "cn14x0"])
def test_widths_that_no_network_has_are_refused(name):
    with pytest.raises(InputError, match="'cn14': cannot be widened by (17|0).0; use a factor above 0, up to 16"):
        build_model(name)


@pytest.mark.parametrize("name", ["cn41", "cn14x", "x2", "cn14xinf", "cn14x-1", "erfnetx2", "cn14x1.5 "])
def test_unknown_name_lists_the_known_ones(name):
    message = f"unknown network '{name}'; choose from cn18, cn14, cn12, .*cn14-160.* as in cn14x1.5"
    with pytest.raises(InputError, match=message):
        build_model(name)
