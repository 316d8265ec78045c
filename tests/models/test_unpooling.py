import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from contextnet_tf.deployment.engines.litert import LiteRTEngine
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.errors import InputError
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling


def argmax_of_tensorflow(x):
    """The maxima, and their places in the image, by TensorFlow's own operator."""
    return tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)


def scattered(features, places, shape):
    """`features` at the flat `places` of zeros of that shape."""
    places = tf.reshape(places, [-1, 1])
    flat = tf.scatter_nd(places, tf.reshape(features, [-1]), tf.constant([np.prod(shape)], places.dtype))
    return tf.reshape(flat, shape)


def test_pooling_by_hand():
    x = np.array([[1, 5, 2, 2], [7, 3, 2, 2], [0, 0, -4, -3], [0, 9, -2, -1]], "float32").reshape(1, 4, 4, 1)

    pooled, places = MaxPoolingWithIndices()(x)

    np.testing.assert_array_equal(pooled[0, ..., 0], [[7, 2], [9, -1]])
    np.testing.assert_array_equal(places[0, ..., 0], [[2, 0], [3, 3]])
    assert places.dtype == "int32"


def test_unpooling_by_hand():
    features = np.array([[1, 2], [3, 4]], "float32").reshape(1, 2, 2, 1)
    places = np.array([[2, 0], [3, 1]], "int32").reshape(1, 2, 2, 1)

    found = MaxUnpooling()(features, places)

    np.testing.assert_array_equal(found[0, ..., 0], [[0, 0, 2, 0], [1, 0, 0, 0], [0, 0, 0, 4], [0, 3, 0, 0]])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**31))
def test_equal_to_tensorflows_argmax_also_on_ties(batch, rows, columns, channels, seed):
    rng = np.random.default_rng(seed)
    # Few different values: most windows have ties.
    x = rng.integers(-1, 2, (batch, 2 * rows, 2 * columns, channels)).astype("float32")
    features = rng.normal(size=(batch, rows, columns, channels)).astype("float32")
    expected, flat = argmax_of_tensorflow(x)

    pooled, places = MaxPoolingWithIndices()(x)

    np.testing.assert_array_equal(pooled, expected)
    np.testing.assert_array_equal(MaxUnpooling()(features, places), scattered(features, flat, x.shape))


def test_gradients_are_those_of_argmax_and_scatter():
    rng = np.random.default_rng(0)
    x = tf.constant(rng.integers(-1, 2, (2, 4, 6, 3)).astype("float32"))
    features = tf.constant(rng.normal(size=(2, 2, 3, 3)).astype("float32"))
    weights = tf.constant(rng.normal(size=x.shape).astype("float32"))

    with tf.GradientTape() as tape:
        tape.watch([x, features])
        pooled, places = MaxPoolingWithIndices()(x)
        loss = tf.reduce_sum(weights * MaxUnpooling()(features, places)) + tf.reduce_sum(features * pooled)
    found = tape.gradient(loss, [x, features])
    with tf.GradientTape() as tape:
        tape.watch([x, features])
        pooled, flat = argmax_of_tensorflow(x)
        loss = tf.reduce_sum(weights * scattered(features, flat, x.shape)) + tf.reduce_sum(features * pooled)
    expected = tape.gradient(loss, [x, features])

    for gradient, same in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, same, atol=1e-6)
    assert np.any(found[0]) and np.any(found[1])


def test_sizes_that_are_not_known(tmp_path):
    image = keras.Input((None, None, 2))
    pooled, places = MaxPoolingWithIndices(name="pool")(image)
    model = keras.Model(image, MaxUnpooling(name="unpool")(pooled, places))
    assert (pooled.shape, places.shape, places.dtype) == ((None, None, None, 2), (None, None, None, 2), "int32")
    assert model.output_shape == (None, None, None, 2)

    model.save(tmp_path / "pooling.keras")
    loaded = keras.models.load_model(tmp_path / "pooling.keras", safe_mode=True)
    for size in ((2, 6), (8, 4)):
        x = np.random.default_rng(0).normal(size=(1, *size, 2)).astype("float32")
        kept = np.where(np.asarray(model(x)) != 0, x, 0)
        np.testing.assert_array_equal(model(x), kept)  # each value is back where it stood
        assert np.count_nonzero(kept) == x.size // 4
        np.testing.assert_array_equal(loaded(x), model(x))


def test_within_a_graph_of_any_size():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1])])
    def unpooled(x):
        return MaxUnpooling()(*MaxPoolingWithIndices()(x))

    x = np.array([[3, 1], [2, 0]], "float32").reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(unpooled(x)[0, ..., 0], [[3, 0], [0, 0]])


def test_exported_with_built_in_operators(tmp_path):
    image = keras.Input((8, 12, 3))
    features = layers.Conv2D(5, 1)(image)
    pooled, places = MaxPoolingWithIndices()(features)
    model = keras.Model(image, {"main": MaxUnpooling()(pooled, places)})
    export_tflite(model, tmp_path / "pooling.tflite")

    image = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    engine = LiteRTEngine(tmp_path / "pooling.tflite")
    expected = model(image[None].astype("float32") / 255)["main"][0]
    np.testing.assert_allclose(engine.logits(image), expected, atol=1e-6)
    details = Interpreter(str(tmp_path / "pooling.tflite"))._get_ops_details()
    assert {operator["op_name"] for operator in details} == {
        "DEQUANTIZE", "CONV_2D", "MAX_POOL_2D", "STRIDED_SLICE", "EQUAL", "SELECT_V2", "CONCATENATION", "RESHAPE"
    }  # fmt: skip


def test_odd_sizes_are_refused():
    with pytest.raises(InputError, match="layer 'pool': cannot halve 4 x 5; it takes even sizes"):
        MaxPoolingWithIndices(name="pool")(keras.Input((4, 5, 1)))
