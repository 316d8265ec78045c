"""Two methods for the last stage alone: logits float32 [h, w, C] -> labels uint8 [8 h, 8 w]. See `Runtime`."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage
from contextnet_tf.benchmarking.runtimes.saved_model import set_threads
from contextnet_tf.deployment import upsample

if TYPE_CHECKING:
    import keras

FACTOR = 8


class ExactUpsampling(Runtime):
    """Upsampling and arg-max by `upsample_argmax`."""

    title = "exact upsampling"
    precision = "float32"
    packages: ClassVar[tuple[str, ...]] = ()
    distributions: ClassVar[tuple[str, ...]] = upsample.DISTRIBUTIONS
    file = ""
    engine = None

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """Writes nothing: the input is logits."""

    def __init__(self, path: pathlib.Path, num_threads: int):
        """Both arguments are ignored; `upsample_argmax` runs on one thread."""
        self.stages = (Stage("upsampling", lambda logits: upsample.upsample_argmax(logits, FACTOR)),)


class DenseUpsampling(ExactUpsampling):
    """Resizes the logits of every class and takes the arg-max, as one TensorFlow function."""

    title = "TensorFlow resize and arg-max"
    precision = "float32"
    packages = ("tensorflow",)
    distributions = ("tensorflow",)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        import tensorflow as tf

        set_threads(num_threads)

        @tf.function
        def labels(logits: Any) -> Any:
            size = FACTOR * tf.shape(logits)[:2]
            return tf.cast(tf.argmax(tf.image.resize(logits, size), axis=-1, output_type=tf.int32), tf.uint8)

        self.stages = (Stage("upsampling", lambda logits: labels(logits).numpy()),)
