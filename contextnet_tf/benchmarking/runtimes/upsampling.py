"""The last step by itself, two ways: logits float32 [h, w, C] -> labels uint8 [8 h, 8 w]. See `Runtime`."""

import pathlib
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.benchmarking.runtimes.runtime import Stage
from contextnet_tf.benchmarking.runtimes.saved_model import set_threads
from contextnet_tf.deployment import upsample

FACTOR = 8


class ExactUpsampling:
    """`upsample_argmax`."""

    title = "exact upsampling"
    precision = "float32"
    packages = ()
    distributions = upsample.DISTRIBUTIONS
    file = ""
    engine = None

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """Nothing: the logits are all that it needs."""

    def __init__(self, path: pathlib.Path, num_threads: int):
        """It has one thread."""
        self.stages = (Stage("upsampling", lambda logits: upsample.upsample_argmax(logits, FACTOR)),)


class DenseUpsampling(ExactUpsampling):
    """Every pixel of every class in TensorFlow, as one function, then the arg-max."""

    title = "TensorFlow resize and arg-max"
    precision = "float32"
    distributions = ("tensorflow",)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        set_threads(num_threads)

        @tf.function
        def labels(logits: tf.Tensor) -> tf.Tensor:
            size = FACTOR * tf.shape(logits)[:2]
            return tf.cast(tf.argmax(tf.image.resize(logits, size), axis=-1, output_type=tf.int32), tf.uint8)

        self.stages = (Stage("upsampling", lambda logits: labels(logits).numpy()),)
