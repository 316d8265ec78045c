"""What every registered network must hold, and the figures that are documented of each.

A network without a row in `NETWORKS` fails.
"""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.analysis.complexity import count_multiply_adds, count_parameters, layer_costs
from contextnet_tf.analysis.receptive_field import receptive_field
from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.parity import check_parity
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.models.sizes import size_multiple


@dataclasses.dataclass(frozen=True)
class Documented:
    """19 classes, without auxiliary heads; multiply-adds for one image of 256 x 512."""

    parameters: int  # batch normalization folded
    as_trained: int
    multiply_adds: int
    size_multiple: int
    receptive_field: float
    auxiliary_heads: tuple[str, ...] = ()
    # Where rounding decides between two nearly equal maxima, unpooling moves a feature by a pixel: a few
    # logits are then others, all the rest still the same. The share that may be.
    unstable: float = 0.0


EVERYWHERE = float("inf")
NETWORKS = {
    # ContextNet: Table 4 prints 0.85, 0.85, 0.85, 0.93, 0.49 and 0.16 million parameters, section 3.2.1 exactly
    # 490,459 and 159,387. Figures of cn14, cn124 and the branches are worked out by hand in test_complexity.py,
    # test_options.py and test_receptive_field.py.
    "cn18": Documented(846_179, 878_195, 219_792_384, 64, 1336, ("aux",)),
    "cn14": Documented(846_179, 878_195, 351_866_880, 32, 668, ("aux",)),
    "cn12": Documented(846_179, 878_195, 880_164_864, 16, 334, ("aux",)),
    "cn124": Documented(928_355, 964_019, 403_542_016, 32, 700, ("aux",)),
    "cn14-500": Documented(490_459, 516_019, 239_794_176, 32, 668, ("aux",)),
    "cn14-160": Documented(159_387, 172_275, 186_345_472, 32, 668, ("aux",)),
    "context-only": Documented(781_795, 810_931, 176_410_624, 32, 572),
    "detail-only": Documented(32_531, 34_259, 106_299_392, 8, 39),
    # The paper's other systems: parameters by hand in tests/models/comparison/.
    "segnet": Documented(29_438_099, 29_461_907, 81_386_274_816, 32, 404, unstable=0.3),
    "enet": Documented(359_490, 371_970, 980_516_864, 8, 1249, unstable=0.3),
    "erfnet": Documented(2_058_306, 2_067_570, 6_651_084_800, 8, 1239),
    "icnet": Documented(6_685_715, 6_728_531, 1_814_298_624, 32, EVERYWHERE, ("aux", "aux2")),
    "pspnet": Documented(65_652_051, 65_818_323, 130_890_596_352, 8, EVERYWHERE, ("aux",)),
    "deeplab_v2": Documented(43_848_396, 44_006_412, 91_291_123_712, 8, 1419),
}

# Each takes a part of a network, so that no big one is built once a test.
every_network = pytest.mark.parametrize("network", model_names(), indirect=True)


@pytest.fixture(scope="module")
def network(request) -> keras.Model:
    """A network as it is used, for any size, with weights and statistics far from their initial values."""
    keras.utils.set_random_seed(0)
    return _with_statistics(build_model(request.param, input_shape=(None, None, 3)))


def _with_statistics(model: keras.Model) -> keras.Model:
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            bounds = (0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (0.5, 1.5)  # gamma, beta, mean, variance
            layer.set_weights([random.uniform(*b, layer.gamma.shape).astype(np.float32) for b in bounds])
    return model


def _images(height: int, width: int, count: int = 1) -> np.ndarray:
    random = np.random.default_rng(2)
    return random.uniform(0.0, 1.0, (count, height, width, 3)).astype(np.float32)


def _size(network: keras.Model) -> tuple[int, int]:
    """A small size, not square, at which no feature map but that of the deepest branch is a single pixel."""
    multiple = NETWORKS[network.name].size_multiple
    return 2 * multiple, 3 * multiple


def _documented(network: keras.Model) -> Documented:
    return NETWORKS[network.name]


def test_no_network_is_missing():
    assert set(NETWORKS) == set(model_names()), "each network of the registry has a row in NETWORKS"


@every_network
def test_figures_that_are_documented(network):
    documented = _documented(network)

    assert count_parameters(network) == documented.parameters
    assert count_parameters(network, folded=False) == documented.as_trained
    assert count_multiply_adds(network, (256, 512)) == documented.multiply_adds
    assert sum(cost.multiply_adds for cost in layer_costs(network, (256, 512))) == documented.multiply_adds
    assert sum(cost.parameters for cost in layer_costs(network, (256, 512))) == documented.as_trained
    assert size_multiple(network) == documented.size_multiple
    assert receptive_field(network) == (documented.receptive_field,) * 2


@every_network
def test_logits_are_as_large_as_the_image(network):
    multiple = _documented(network).size_multiple
    for height, width in ((multiple, multiple), (2 * multiple, 3 * multiple)):
        logits = network(_images(height, width))
        assert {name: tuple(x.shape) for name, x in logits.items()} == {"main": (1, height, width, 19)}
        assert logits["main"].dtype == tf.float32
        assert np.isfinite(logits["main"]).all()


@every_network
def test_saved_and_loaded_in_safe_mode(network, tmp_path):
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)

    assert loaded.name == network.name
    images = _images(*_size(network))
    np.testing.assert_array_equal(loaded(images)["main"], network(images)["main"])


@every_network
def test_folded_and_exported_it_computes_the_same(network, tmp_path):
    size = _size(network)
    expected = np.asarray(network(_images(*size), training=False)["main"])
    folded = fold_batch_norm(network)

    differences = np.abs(np.asarray(folded(_images(*size))["main"]) - expected) / np.abs(expected).max()
    assert np.mean(differences > 1e-3) <= _documented(network).unstable
    assert differences.max() < 0.1

    export_tflite(folded, tmp_path / "network.tflite", size=size)
    images = np.random.default_rng(3).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    parity = check_parity(tmp_path / "network.tflite", folded, images)
    assert parity.largest_difference < (0.1 if _documented(network).unstable else 1e-3) * parity.largest_logit
    assert parity.label_parity > 0.98


@pytest.mark.parametrize("name", model_names())
def test_gradient_reaches_every_weight(name):
    keras.utils.set_random_seed(0)
    model = build_model(name, num_classes=3, input_shape=(None, None, 3), aux_head=True)
    assert list(model.output) == ["main", *NETWORKS[name].auxiliary_heads]
    images = _images(*_size(model), count=2)

    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        loss = tf.add_n([tf.reduce_mean(tf.square(x)) for x in logits.values()])
    gradients = tape.gradient(loss, model.trainable_variables)

    assert {tuple(x.shape) for x in logits.values()} == {(2, *images.shape[1:3], 3)}
    pairs = zip(model.trainable_variables, gradients, strict=True)
    assert [weight.path for weight, gradient in pairs if gradient is None or not np.any(gradient)] == []
