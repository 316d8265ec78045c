"""What the six builders have in common."""

import keras
import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.models.comparison.deeplab_v2 import atrous_pyramid, build_deeplab_v2
from contextnet_tf.models.comparison.enet import build_enet
from contextnet_tf.models.comparison.erfnet import build_erfnet
from contextnet_tf.models.comparison.icnet import build_icnet
from contextnet_tf.models.comparison.pspnet import build_pspnet
from contextnet_tf.models.comparison.segnet import build_segnet

BUILDERS = {
    "segnet": (build_segnet, 32),
    "enet": (build_enet, 8),
    "erfnet": (build_erfnet, 8),
    "icnet": (build_icnet, 32),
    "pspnet": (build_pspnet, 8),
    "deeplab_v2": (build_deeplab_v2, 8),
}


@pytest.fixture
def mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", BUILDERS)
def test_size_that_does_not_fit_names_those_that_do(name):
    build, multiple = BUILDERS[name]
    message = (
        f"input size {multiple + 1} x None .*: {name} takes multiples of {multiple}; "
        f"the nearest are {multiple} x None and {2 * multiple} x None"
    )
    with pytest.raises(InputError, match=message):
        build(input_shape=(multiple + 1, None, 3))


@pytest.mark.parametrize("name", BUILDERS)
def test_images_have_three_channels_and_at_least_two_classes(name):
    build, _ = BUILDERS[name]
    with pytest.raises(InputError, match=r"input_shape = \(64, 64, 4\): it takes \(height, width, 3\)"):
        build(input_shape=(64, 64, 4))
    with pytest.raises(InputError, match="num_classes = 1: a segmentation needs 2 classes or more"):
        build(num_classes=1)


@pytest.mark.parametrize("name", ["enet", "erfnet"])
def test_auxiliary_head_changes_nothing_where_there_is_none(name):
    build, _ = BUILDERS[name]
    with_head, without = build(num_classes=2, aux_head=True), build(num_classes=2)

    assert list(with_head.output) == list(without.output) == ["main"]
    assert [layer.name for layer in with_head.layers] == [layer.name for layer in without.layers]


@pytest.mark.parametrize("name", ["segnet", "enet", "erfnet", "icnet"])
def test_logits_are_float32_under_mixed_precision(mixed_precision, name):
    build, _ = BUILDERS[name]
    model = build(num_classes=3, input_shape=(32, 64, 3), aux_head=True)

    assert model.name == name
    assert {(logits.dtype, logits.shape) for logits in model.output.values()} == {("float32", (None, 32, 64, 3))}
    computing = {layer.compute_dtype for layer in model.layers if layer.name.endswith("_bn")}
    assert computing == {"bfloat16"}
    last = "classifier" if name == "icnet" else "main"
    assert model.get_layer(last).compute_dtype == "float32"


def test_summed_classifiers_are_float32_under_mixed_precision(mixed_precision):
    x = keras.Input((4, 8, 16))
    model = keras.Model(x, atrous_pyramid(x, 3))

    assert model.output.dtype == "float32"
    assert {layer.compute_dtype for layer in model.layers if layer.name.startswith("aspp")} == {"float32"}
