"""TensorFlow on the SavedModel that the project exports."""

import pathlib
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.benchmarking.runtimes.runtime import Stage
from contextnet_tf.deployment.export import export_saved_model


class SavedModel:
    """Image to labels in one TensorFlow graph, on the device that TensorFlow takes. See `Runtime`.

    On a GPU the image's way there and the labels' way back are the copying, one after the other with the
    network, as section 3.1 counts them; that was not tested, for want of one. A process has one number of threads.
    """

    title = "TensorFlow SavedModel, upsampling inside"
    precision = "float32"
    packages = ()
    distributions = ("tensorflow",)
    file = "saved_model"
    engine = None

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        export_saved_model(network, path)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        set_threads(num_threads)
        loaded = tf.saved_model.load(str(path))
        labels = loaded.signatures["serving_default"]
        self._loaded = loaded  # owns the weights
        self.stages = (
            Stage("copying", lambda image: tf.constant(image[np.newaxis])),
            Stage("network", lambda batch: labels(image=batch)["labels"]),
            Stage("copying", lambda batch: batch.numpy()[0]),
        )


def set_threads(num_threads: int) -> None:
    """The threads that TensorFlow computes with, in a process where it has not computed yet."""
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
