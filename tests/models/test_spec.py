import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.errors import InputError
from contextnet_tf.models.spec import TABLE_2, VARIANTS, ContextNetSpec


def test_variants_differ_from_cn14_in_the_context_scale():
    assert [VARIANTS[name].context_scale for name in ("cn18", "cn14", "cn12")] == [8, 4, 2]
    assert dataclasses.replace(VARIANTS["cn18"], name="cn14", context_scale=4) == VARIANTS["cn14"]
    assert dataclasses.replace(VARIANTS["cn12"], name="cn14", context_scale=4) == VARIANTS["cn14"]


def test_variants_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        VARIANTS["cn14"] = VARIANTS["cn12"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        VARIANTS["cn14"].context_scale = 2


@pytest.mark.parametrize(
    ("factor", "context", "detail", "fusion"),
    [
        (2, [64, 64, 64, 96, 128, 192, 256, 256], (64, 128, 256, 256), 256),
        (1.5, [48, 48, 48, 72, 96, 144, 192, 192], (48, 96, 192, 192), 192),
        (1.25, [40, 40, 40, 64, 80, 120, 160, 160], (40, 80, 160, 160), 160),  # 48 x 1.25 = 60 -> 64
        (0.1, [8, 8, 8, 8, 8, 8, 16, 16], (8, 8, 16, 16), 16),
    ],
)
def test_widened_scales_every_channel(factor, context, detail, fusion):
    spec = VARIANTS["cn14"].widened(factor)

    assert [c for _, _, c, _, _ in spec.context_rows] == context
    assert spec.detail_channels == detail
    assert spec.fusion_channels == fusion
    assert spec.name == f"cn14x{factor}"


@settings(deadline=None, max_examples=50)
@given(st.floats(0.25, 4), st.sampled_from(sorted(VARIANTS)))
def test_widened_channels_are_the_nearest_multiples_of_eight(factor, name):
    def channels(spec):
        context = (c for _, _, c, _, _ in spec.context_rows)
        return [*context, *spec.detail_channels, *spec.half_channels, spec.fusion_channels]

    for before, after in zip(channels(VARIANTS[name]), channels(VARIANTS[name].widened(factor)), strict=True):
        assert after % 8 == 0
        assert abs(after - before * factor) <= 4 + 1e-9


def test_widened_keeps_everything_but_the_channels():
    spec = VARIANTS["cn12"].widened(2)

    rows = [(o, t, n, s) for o, t, _, n, s in spec.context_rows]
    assert rows == [(o, t, n, s) for o, t, _, n, s in TABLE_2]
    assert (spec.context_scale, spec.dropout_rate) == (2, 0.1)


def test_widened_by_one_is_the_spec_itself():
    assert VARIANTS["cn14-160"].widened(1) is VARIANTS["cn14-160"]


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf"), 16.1, 1e9])
def test_widened_refuses_a_factor_that_leaves_nothing(factor):
    with pytest.raises(InputError, match="cannot be widened by"):
        VARIANTS["cn14"].widened(factor)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "name = ''; it takes a non-empty name"),
        ({"name": "cn14/2"}, "name = 'cn14/2'; it takes a non-empty name of letters, digits, '.', '_' and '-'"),
        ({"name": "cn14+cn12"}, "name = 'cn14.cn12'; it takes a non-empty name of letters"),
        ({"name": "my cn14"}, "name = 'my cn14'; it takes a non-empty name of letters"),
        ({"name": "-cn14"}, "name = '-cn14'; it takes a non-empty name of letters"),
        ({"branches": "none"}, "branches = 'none'; it takes all or context or detail"),
        ({"context_scale": 0}, "context_scale = 0; it takes a whole number, 1 or more"),
        ({"context_scale": 2.5}, "context_scale = 2.5; it takes a whole number, 1 or more"),
        ({"context_rows": TABLE_2[1:]}, "context_rows = .*; it takes strides whose product is 8"),
        ({"context_rows": ()}, r"context_rows = \(\); it takes strides whose product is 8"),
        (
            {"context_rows": (("conv5x5", None, 32, 1, 8),)},
            "with an operator of conv3x3, conv1x1, bottleneck",
        ),
        ({"context_rows": (("conv3x3", None, 32, 8),)}, "it takes rows"),
        ({"context_rows": (("conv3x3", None, 0, 1, 8),)}, "it takes c, n and s that are 1 or more"),
        ({"context_rows": (("conv3x3", 6, 32, 1, 8),)}, "it takes an expansion factor"),
        ({"context_rows": (("bottleneck", None, 32, 1, 8),)}, "it takes an expansion factor"),
        ({"detail_channels": (32, 64, 128)}, "detail_channels = .*; it takes 4 whole numbers, 1 or more"),
        ({"detail_channels": (32, 64, 128, 0)}, "detail_channels = .*; it takes 4 whole numbers, 1 or more"),
        ({"fusion_channels": True}, "fusion_channels = True; it takes a whole number, 1 or more"),
        ({"half_channels": (32, 64)}, r"half_channels = \(32, 64\); it takes three whole numbers or more"),
        ({"half_channels": (32, 64, 0)}, "half_channels = .*; it takes three whole numbers or more"),
        (
            {"half_channels": (32, 64, 128), "context_scale": 3},
            "context_scale = 3; it takes an even number where there is a branch at half size",
        ),
        ({"pyramid_bins": (1, 0)}, r"pyramid_bins = \(1, 0\); it takes whole numbers, 1 or more, or none"),
        ({"asymmetric_kernel": 4}, "asymmetric_kernel = 4; it takes an odd whole number, 3 or more, or None"),
        ({"asymmetric_kernel": 1}, "asymmetric_kernel = 1; it takes an odd whole number, 3 or more, or None"),
        ({"fusion_merge": "multiply"}, "fusion_merge = 'multiply'; it takes add or concatenate"),
        ({"fusion_order": "last"}, "fusion_order = 'last'; it takes upsample first or upsample last"),
        ({"dropout_rate": 1.0}, "dropout_rate = 1.0; it takes a rate from 0 to below 1"),
    ],
)
def test_a_value_no_network_can_be_built_of_is_named(fields, message):
    with pytest.raises(InputError, match=message):
        ContextNetSpec(**{"name": "mine", "context_scale": 4, **fields})


@pytest.mark.parametrize("spec", [VARIANTS["cn124"], VARIANTS["cn14"].widened(1.5)], ids=lambda spec: spec.name)
def test_specs_become_json_and_come_back(spec):
    assert ContextNetSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_json_with_missing_and_unknown_fields():
    assert ContextNetSpec.from_json({"name": "cn14", "context_scale": 4}) == VARIANTS["cn14"]
    with pytest.raises(InputError, match="network 'cn14': has unknown fields: context_size, depth"):
        ContextNetSpec.from_json({"name": "cn14", "depth": 3, "context_size": 4})
