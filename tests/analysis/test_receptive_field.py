import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from contextnet_tf.analysis.receptive_field import receptive_field
from contextnet_tf.errors import InputError
from contextnet_tf.models.pyramid import pyramid_sum
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import ContextNetSpec

TINY = ContextNetSpec(
    "tiny",
    context_scale=2,
    context_rows=(("conv3x3", None, 4, 1, 2), ("bottleneck", 2, 4, 2, 2), ("bottleneck", 1, 4, 1, 2)),
    detail_channels=(4, 4, 4, 4),
    fusion_channels=4,
)


def seen_rows(model, height, width, channels=3):
    """The most rows that a value in the middle of the output depends on: where the gradient is not zero."""
    for weight in model.weights:
        if weight.name == "kernel":
            weight.assign(np.full(weight.shape, 0.25))
    image = tf.fill([1, height, width, channels], 1e-4)  # small: no feature comes to where ReLU6 clips
    most = 0
    for place in range(height // 2, height // 2 + 16):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = model(image, training=False)["main"][0, place, width // 2, 0]
        rows = np.flatnonzero(np.abs(tape.gradient(value, image)).sum(axis=(0, 2, 3)))
        assert rows[0] > 0 and rows[-1] < height - 1, "the image of the test is too small"
        most = max(most, int(rows[-1] - rows[0] + 1))
    return most


def of_one_layer(layer):
    image = keras.Input((None, None, 3))
    return keras.Model(image, {"main": layer(image)})


@pytest.mark.parametrize(
    ("name", "size"),
    [
        # Four layers 3 x 3 at steps of 1, 2, 4 and 8 pixels, then two eighths by interpolation.
        ("detail-only", 1 + 2 * (1 + 2 + 4 + 8) + 8),
        # 4 x 4 averaged, then 3 x 3 at steps of 4, three of 8, three of 16 and seven of 32 pixels (the first of a
        # stride still at the smaller step), then two of the 32 pixels apart by interpolation.
        ("context-only", 4 + 2 * (4 + 3 * 8 + 3 * 16 + 6 * 32) + 32),
        # The same, but 5 features of the context branch lie under the two logits between which a pixel lies:
        # three taps one feature apart, each between two, and the two logits on both sides of a feature's center.
        ("cn14", 4 + 2 * (4 + 3 * 8 + 3 * 16 + 6 * 32) + 4 * 32),
    ],
)
def test_by_hand(name, size):
    assert receptive_field(build_model(name, input_shape=(None, None, 3))) == (size, size)


@pytest.mark.parametrize(
    "spec",
    [
        TINY,
        ContextNetSpec(**(vars(TINY) | {"fusion_order": "upsample last", "half_channels": (4, 4, 4)})),
        ContextNetSpec(**(vars(TINY) | {"asymmetric_kernel": 5, "context_scale": 1})),
    ],
    ids=["as in the paper", "three branches", "asymmetric"],
)
def test_it_is_what_the_gradient_reaches(spec):
    model = build_model(spec, num_classes=2, input_shape=(None, None, 3))
    assert receptive_field(model)[0] == seen_rows(model, 640, 64)


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (layers.Conv2D(2, (3, 1), padding="same", dilation_rate=(4, 1)), (9, 1)),
        (layers.Conv2D(2, 3, strides=2), (3, 3)),
        (layers.DepthwiseConv2D(5, padding="same"), (5, 5)),
        (layers.MaxPooling2D(2), (2, 2)),
        (layers.Conv2DTranspose(2, 3, strides=2, padding="same"), (2, 2)),
        (layers.Conv2DTranspose(2, 2, strides=2, padding="same"), (1, 1)),
        (layers.Conv2DTranspose(2, 4, strides=2), (2, 2)),
        (layers.UpSampling2D(2), (1, 1)),
        (layers.UpSampling2D((1, 4), interpolation="bilinear"), (1, 2)),
        (layers.ReLU(), (1, 1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_of_layer_by_hand(layer, size):
    assert receptive_field(of_one_layer(layer)) == size


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (5, 3)])
def test_transposed_convolutions_are_what_the_gradient_reaches(kernel, stride):
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(2, 3, strides=stride, padding="same")(image)
    x = layers.Conv2DTranspose(2, kernel, strides=stride, padding="same")(x)
    model = keras.Model(image, {"main": x})
    assert receptive_field(model)[0] == seen_rows(model, 96, 96)


def test_a_pyramid_sees_the_whole_image():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(2, 3, strides=2, padding="same")(pyramid_sum(layers.ReLU()(image), (1, 2), "pyramid"))
    assert receptive_field(keras.Model(image, {"main": x})) == (math.inf, math.inf)


def test_a_layer_that_is_not_known_is_named():
    with pytest.raises(InputError, match="layer 'crop': the receptive field of a Cropping2D is unknown"):
        receptive_field(of_one_layer(layers.Cropping2D(1, name="crop")))


def test_models_within_the_model_by_hand():
    inner_image = keras.Input((None, None, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv")(inner_image)
    inner = keras.Model(inner_image, {"far": layers.Conv2D(3, 5, padding="same", name="conv5")(x), "near": x})
    image = keras.Input((None, None, 3))
    half = layers.AveragePooling2D(2)(image)
    outputs = inner(half)
    # 3 and 3 + 4 rows of half the size.
    assert receptive_field(keras.Model(image, {"aux": outputs["far"], "main": outputs["near"]})) == (6, 6)
    assert receptive_field(keras.Model(image, {"aux": outputs["near"], "main": outputs["far"]})) == (14, 14)
