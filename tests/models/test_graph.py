"""What is found in a model's graph is found in the models within it, too."""

import keras
import numpy as np
import pytest
from keras import layers

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.channel_tiling import with_channel_tiling
from contextnet_tf.deployment.network import at_size
from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.batch_statistics import reestimate_batch_statistics
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.sizes import size_multiple
from contextnet_tf.training.fused_batch_norm import FusedBatchNormalization, with_fused_batch_norm
from contextnet_tf.training.precision import clone_network
from contextnet_tf.training.step import decayed_weights

SIZE = (64, 96)


@pytest.fixture(scope="module")
def inner():
    return build_model("cn14", num_classes=3, input_shape=(*SIZE, 3))


@pytest.fixture(scope="module")
def outer(inner):
    """cn14 as one layer of a model that halves its image first."""
    image = keras.Input((2 * SIZE[0], 2 * SIZE[1], 3), name="image")
    logits = inner(layers.AveragePooling2D(2, name="half")(image))["main"]
    return keras.Model(
        image, {"main": layers.UpSampling2D(2, interpolation="bilinear", name="up")(logits)}, name="outer"
    )


def images():
    return np.random.default_rng(0).random((1, 2 * SIZE[0], 2 * SIZE[1], 3), np.float32)


def test_sizes(outer):
    assert size_multiple(outer) == 2 * 32


def test_another_size(outer):
    other = at_size(outer, (128, 64))
    assert other.output_shape == (None, 128, 64, 3)
    expected = build_like(outer)(images()[:, :, :64])
    np.testing.assert_allclose(other(images()[:, :, :64])["main"], expected, rtol=1e-4, atol=1e-5)


def build_like(outer):
    """The same layers, for any size."""
    network = build_model("cn14", num_classes=3, input_shape=(None, None, 3))
    network.set_weights(outer.get_weights())
    pool, up = layers.AveragePooling2D(2), layers.UpSampling2D(2, interpolation="bilinear")
    return lambda image: up(network(pool(image))["main"])


def test_weight_decay(inner, outer):
    assert [id(weight) for weight in decayed_weights(outer)] == [id(weight) for weight in decayed_weights(inner)]
    assert len(decayed_weights(outer)) > 30


def test_batch_statistics(outer, inner):
    before = inner.get_weights()
    reestimate_batch_statistics(outer, [images()])
    changed = [not np.array_equal(*pair) for pair in zip(before, inner.get_weights(), strict=True)]
    assert sum(changed) == 2 * 48  # mean and variance of each of 48 normalizations
    inner.set_weights(before)


def test_copies_compute_the_same(outer):
    expected = outer(images())["main"]
    folded = fold_batch_norm(outer)
    for copy in (folded, with_channel_tiling(folded), clone_network(outer, dtype_policy="float32")):
        np.testing.assert_allclose(copy(images())["main"], expected, rtol=1e-3, atol=1e-4)
    names = {layer.name for layer in graph.all_layers(with_channel_tiling(folded))}
    assert "context_bottleneck3_2_expand_part3" in names and not any(name.endswith("_bn") for name in names)


def test_fused_normalization(outer):
    network = with_fused_batch_norm(outer)
    fused = [layer for layer in graph.all_layers(network) if isinstance(layer, FusedBatchNormalization)]
    assert len(fused) == 48
    assert {id(weight) for weight in network.weights} == {id(weight) for weight in outer.weights}


def test_half_precision(outer):
    mixed = clone_network(outer, dtype_policy="mixed_bfloat16")
    dtypes = {layer.name: layer.compute_dtype for layer in graph.all_layers(mixed)}
    assert (dtypes["context_conv1"], dtypes["up"], dtypes["main"]) == ("bfloat16", "float32", "float32")
    assert mixed.output["main"].dtype == "float32"


def test_hidden_layers_are_refused():
    class Subclassed(keras.Model):
        pass

    for find in (graph.all_layers, graph.with_inner_models, graph.calls):
        with pytest.raises(InputError, match="its layers cannot be read"):
            find(Subclassed())
