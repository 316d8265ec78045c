import pytest

from contextnet_tf.errors import InputError
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


def test_unknown_name_lists_the_known_ones():
    message = "unknown network 'cn41'; known are cn18, cn14, cn12, .*cn14-160"
    with pytest.raises(InputError, match=message):
        build_model("cn41")
