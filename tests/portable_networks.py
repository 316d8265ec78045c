"""Small networks that together have every operation of a portable graph, and the registered networks."""

import keras
from keras import layers
from statistics_of_a_trained_network import with_statistics

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.models.contextnet import build_contextnet
from contextnet_tf.models.pyramid import AveragePoolingTo, ResizeLike
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.models.spec import ContextNetSpec
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling

LARGE = ("pspnet", "deeplab_v2")  # made of the layers of the others; computing them takes as long as all of those
REGISTERED = [name for name in model_names() if name not in LARGE]

SMALL_TABLE = (
    ("conv3x3", None, 8, 1, 2),
    ("bottleneck", 2, 8, 2, 2),
    ("bottleneck", 1, 8, 1, 2),
    ("conv1x1", None, 8, 1, 1),
)


def small_network(**options) -> keras.Model:
    """A ContextNet of few channels for images of 32 x 64, folded, with random weights, biases included."""
    keras.utils.set_random_seed(0)
    spec = ContextNetSpec("small", 2, SMALL_TABLE, detail_channels=(8, 8, 8, 8), fusion_channels=8, **options)
    network = fold_batch_norm(build_contextnet(spec, num_classes=3, input_shape=(32, 64, 3)))
    for layer in network.layers:
        if layer.weights:
            layer.bias.assign(keras.random.normal(layer.bias.shape, stddev=0.3))
    return network


def odd_network() -> keras.Model:
    """What ContextNet has not: rows left over, a maximum that pads, a depth multiplier, plain ReLU, groups."""
    keras.utils.set_random_seed(0)
    image = keras.Input((60, 72, 3))
    x = layers.Conv2D(3, 1, strides=2)(image)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.DepthwiseConv2D((3, 2), depth_multiplier=2, padding="same", dilation_rate=2)(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(6, 4, strides=3, groups=2, padding="same")(x)
    x = layers.SpatialDropout2D(0.5)(x)
    x = layers.Conv2D(5, 1)(layers.Concatenate()([x, layers.ReLU(1.0)(x)]))
    x = layers.Add()([x, x, x])
    x = layers.UpSampling2D(12, interpolation="bilinear")(x)
    return keras.Model(image, {"main": x}, name="odd")


def network_of_places() -> keras.Model:
    """Unpooling of features that are often zero, so that many maxima are equal; slopes; parts of unequal size."""
    keras.utils.set_random_seed(0)
    image = keras.Input((20, 28, 3))
    x = layers.ReLU()(layers.Conv2D(6, 3, strides=2, padding="same")(image))
    x, places = MaxPoolingWithIndices()(x)
    x = layers.PReLU(keras.initializers.RandomUniform(0.1, 0.9), shared_axes=(1, 2))(layers.Conv2D(6, 1)(x))
    x = layers.Concatenate()([x, ResizeLike()(AveragePoolingTo(3)(x), x)])
    x = layers.ZeroPadding2D(((1, 2), (2, 1)), data_format="channels_first")(x)  # columns and channels
    x = layers.Conv2D(6, (1, 4))(x)
    x = MaxUnpooling()(layers.Conv2D(6, (3, 1), padding="same")(x), places)
    x = ResizeLike()(layers.Conv2D(3, 3, padding="same")(x), image)
    return keras.Model(image, {"main": x}, name="places")


def growing_network() -> keras.Model:
    """Transposed convolutions that crop nothing, both sides or one, and normalization behind no convolution."""
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 10, 3))
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", bias_initializer="random_normal")(image)
    x = layers.BatchNormalization()(layers.ReLU()(x))
    x = layers.Conv2DTranspose(5, (4, 2), strides=(2, 1), padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(scale=False, center=False)(layers.ReLU()(x))
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="valid")(x)
    x = ResizeLike()(layers.Conv2DTranspose(3, 5, strides=3, padding="same")(x), image)
    network = keras.Model(image, {"main": x}, name="growing")
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(keras.random.normal(layer.moving_mean.shape))
            layer.moving_variance.assign(keras.random.uniform(layer.moving_variance.shape, 0.5, 2))
    return network


NETWORKS = {
    "as in the paper": small_network,
    "upsample last, concatenated": lambda: small_network(fusion_order="upsample last", fusion_merge="concatenate"),
    "asymmetric kernels": lambda: small_network(asymmetric_kernel=5),
    "odd": odd_network,
    "places": network_of_places,
    "growing": growing_network,
}


def network_of(name: str) -> keras.Model:
    if name in NETWORKS:
        return NETWORKS[name]()
    keras.utils.set_random_seed(0)
    return fold_batch_norm(with_statistics(build_model(name, num_classes=3, input_shape=(64, 128, 3))))
