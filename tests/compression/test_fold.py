import keras
import numpy as np
import pytest
from keras import layers

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model


def randomize(model, seed=0):
    """Weights and statistics far from their initial values, so that a forgotten one shows."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name in ("moving_variance", "gamma"):
            weight.assign(random.uniform(0.2, 3.0, weight.shape))
        elif weight.name in ("moving_mean", "beta", "bias"):
            weight.assign(random.normal(0.0, 0.7, weight.shape))
        else:
            fan_in = np.prod(weight.shape[:-1])
            weight.assign(random.normal(0.0, fan_in**-0.5, weight.shape))


def batch_norms(model):
    return [layer.name for layer in model.layers if isinstance(layer, layers.BatchNormalization)]


def largest_difference(model, other, *shape):
    """In relation to the largest output."""
    image = np.random.default_rng(1).uniform(0.0, 1.0, shape).astype("float32")
    expected, found = (np.asarray(each(image, training=False)) for each in (model, other))
    assert np.abs(expected).max() > 0.1
    return np.abs(expected - found).max() / np.abs(expected).max()


def test_1x1_convolution_by_hand():
    image = keras.Input((1, 1, 2))
    x = layers.Conv2D(2, 1, use_bias=False, name="conv")(image)
    model = keras.Model(image, layers.BatchNormalization(epsilon=0.5, name="conv_bn")(x))
    model.get_layer("conv").set_weights([np.array([[[[1.0, 2.0], [3.0, 4.0]]]])])
    gamma, beta, mean, variance = [2.0, 3.0], [0.5, -1.0], [1.0, 4.0], [0.5, 3.5]
    model.get_layer("conv_bn").set_weights([np.array(each) for each in (gamma, beta, mean, variance)])

    kernel, bias = fold_batch_norm(model).get_layer("conv").get_weights()

    # Factors: 2 / sqrt(0.5 + 0.5) = 2 and 3 / sqrt(3.5 + 0.5) = 1.5, each on its output channel.
    np.testing.assert_allclose(kernel, [[[[2.0, 3.0], [6.0, 6.0]]]])
    # 0.5 - 1 x 2 and -1 - 4 x 1.5.
    np.testing.assert_allclose(bias, [-1.5, -7.0])


def test_two_normalizations_and_a_bias_by_hand():
    image = keras.Input((3,))
    x = layers.Dense(1, name="dense")(image)
    x = layers.BatchNormalization(epsilon=1.0, scale=False, name="first")(x)
    x = layers.BatchNormalization(epsilon=1.0, center=False, name="second")(x)
    model = keras.Model(image, x)
    model.get_layer("dense").set_weights([np.array([[2.0], [4.0], [-6.0]]), np.array([5.0])])
    model.get_layer("first").set_weights([np.array([7.0]), np.array([1.0]), np.array([3.0])])
    model.get_layer("second").set_weights([np.array([6.0]), np.array([2.0]), np.array([8.0])])

    folded = fold_batch_norm(model)

    assert [layer.name for layer in folded.layers[1:]] == ["dense"]
    kernel, bias = folded.get_layer("dense").get_weights()
    # The first divides by sqrt(3 + 1) = 2; the second multiplies by 6 / sqrt(8 + 1) = 2.
    np.testing.assert_allclose(kernel, [[2.0], [4.0], [-6.0]])
    # First: (5 - 1) / 2 + 7 = 9. Second: (9 - 2) x 2 = 14.
    np.testing.assert_allclose(bias, [14.0])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv2D(5, 3, strides=2, padding="same"), (8, 9, 4)),
        (layers.Conv2D(6, 3, groups=2, use_bias=False), (8, 9, 4)),
        (layers.Conv2D(5, (1, 3), dilation_rate=2, use_bias=False), (8, 9, 4)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), (8, 9, 4)),
        (layers.DepthwiseConv2D(3, use_bias=False), (8, 9, 4)),
        (layers.Conv2DTranspose(5, 3, strides=2, padding="same", use_bias=False), (8, 9, 4)),
        (layers.SeparableConv2D(5, 3, depth_multiplier=2), (8, 9, 4)),
        (layers.Dense(5), (8, 9, 4)),
        (layers.Conv1D(5, 3), (9, 4)),
    ],
    ids=lambda value: value.name if isinstance(value, layers.Layer) else "",
)
def test_every_kind_of_convolution(layer, shape):
    image = keras.Input(shape)
    model = keras.Model(image, layers.BatchNormalization(name="bn")(layer(image)))
    randomize(model)

    folded = fold_batch_norm(model)

    assert batch_norms(folded) == []
    assert largest_difference(model, folded, 2, *shape) < 1e-5


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(lambda x: layers.BatchNormalization()(x), id="after no convolution"),
        pytest.param(
            lambda x: layers.BatchNormalization()(layers.Conv2D(4, 1, activation="relu")(x)),
            id="after a nonlinearity",
        ),
        pytest.param(
            lambda x: layers.BatchNormalization()(layers.ReLU()(layers.Conv2D(4, 1)(x))),
            id="after a nonlinearity of its own",
        ),
        pytest.param(
            lambda x: layers.Add()([y := layers.Conv2D(4, 1)(x), layers.BatchNormalization()(y)]),
            id="convolution seen by another layer",
        ),
        pytest.param(
            lambda x: layers.Add()([y := layers.Conv2D(4, 1)(x), y, layers.BatchNormalization()(y)]),
            id="convolution seen by another layer twice",
        ),
        pytest.param(lambda x: layers.BatchNormalization(axis=1)(layers.Conv2D(4, 1)(x)), id="over another axis"),
        pytest.param(
            lambda x: layers.BatchNormalization()((conv := layers.Conv2D(4, 1))(conv(x))),
            id="after a shared convolution",
        ),
        pytest.param(
            lambda x: (bn := layers.BatchNormalization())(layers.Conv2D(4, 1)(bn(x))),
            id="shared normalization",
        ),
        pytest.param(
            lambda x: layers.BatchNormalization()(layers.Conv2D(4, 1)(x), training=True),
            id="batch statistics also at inference",
        ),
    ],
)
def test_normalization_that_cannot_be_folded_stays(head):
    image = keras.Input((6, 7, 4))
    model = keras.Model(image, head(image))
    randomize(model)

    folded = fold_batch_norm(model)

    assert len(batch_norms(folded)) == 1
    assert folded.count_params() == model.count_params()
    assert largest_difference(model, folded, 2, 6, 7, 4) < 1e-6


def test_normalization_stays_where_the_convolution_is_an_output_too():
    image = keras.Input((6, 7, 4))
    x = layers.Conv2D(4, 1, name="conv")(image)
    model = keras.Model(image, {"before": x, "after": layers.BatchNormalization(name="bn")(x)})

    assert batch_norms(fold_batch_norm(model)) == ["bn"]


def test_models_within_the_model_are_folded_too():
    image = keras.Input((6, 7, 4))
    sequence = keras.Sequential([image, layers.Conv2D(3, 3), layers.BatchNormalization()], name="inner")
    image = keras.Input((6, 7, 4))
    x = layers.Conv2D(4, 1, name="conv")(image)
    x = layers.BatchNormalization(name="bn")(x)
    model = keras.Model(image, sequence(x) + sequence(image))
    randomize(model)

    folded = fold_batch_norm(model)

    # 4 x 4 + 4 and 3 x 3 x 4 x 3 + 3.
    assert folded.count_params() == 20 + 111
    assert folded.get_layer("inner").count_params() == 111
    assert largest_difference(model, folded, 2, 6, 7, 4) < 1e-5


def test_sequential_model():
    model = keras.Sequential([keras.Input((6, 7, 4)), layers.Conv2D(3, 3), layers.BatchNormalization()])
    randomize(model)

    folded = fold_batch_norm(model)

    assert folded.count_params() == 3 * 3 * 4 * 3 + 3
    assert largest_difference(model, folded, 2, 6, 7, 4) < 1e-5


def test_a_model_of_another_kind_is_refused():
    class Subclassed(keras.Model):
        pass

    with pytest.raises(InputError, match="network 'mine': its layers cannot be read; give a functional"):
        fold_batch_norm(Subclassed(name="mine"))
    with pytest.raises(InputError, match="network 'unbuilt': its layers cannot be read"):
        fold_batch_norm(keras.Sequential([layers.Dense(2)], name="unbuilt"))


@pytest.fixture(scope="module")
def network():
    model = build_model("cn14", num_classes=7, input_shape=(None, None, 3), aux_head=True)
    randomize(model)
    return model


@pytest.fixture(scope="module")
def folded(network):
    return fold_batch_norm(network)


def test_cn14_keeps_its_logits(network, folded):
    image = np.random.default_rng(2).uniform(0.0, 1.0, (1, 64, 96, 3)).astype("float32")
    expected, found = network(image, training=False), folded(image, training=False)

    assert sorted(found) == ["aux", "main"]
    for name, logits in expected.items():
        assert np.abs(logits - found[name]).max() < 1e-4 * np.abs(logits).max()


def test_cn14_keeps_its_names(network, folded):
    assert folded.name == "cn14"
    assert batch_norms(folded) == []
    names = [layer.name for layer in network.layers if not layer.name.endswith("_bn")]
    assert sorted(layer.name for layer in folded.layers) == sorted(names)
    assert folded.input.name == "image"
    assert folded.input_shape == (None, None, None, 3)


def test_the_model_itself_stays_as_it_is(network, folded):
    assert len(batch_norms(network)) == 48  # context branch 38, detail branch 7, fusion 3
    assert not {id(weight) for weight in network.weights} & {id(weight) for weight in folded.weights}


def test_compiled_model_with_a_loss_of_its_own():
    image = keras.Input((4,))
    model = keras.Model(image, layers.BatchNormalization()(layers.Dense(2)(image)))
    model.compile(loss=lambda truth, prediction: prediction - truth)

    assert not fold_batch_norm(model).compiled


def test_folded_model_is_saved_and_loaded_without_custom_objects(folded, tmp_path):
    folded.save(tmp_path / "folded.keras")
    loaded = keras.models.load_model(tmp_path / "folded.keras", safe_mode=True)

    image = np.full((1, 32, 64, 3), 0.25, "float32")
    np.testing.assert_array_equal(loaded(image)["main"], folded(image)["main"])
