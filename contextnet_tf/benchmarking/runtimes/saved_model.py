"""TensorFlow on the exported SavedModel."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage

if TYPE_CHECKING:
    import keras


class SavedModel(Runtime):
    """From image to labels in one TensorFlow graph, on the device that TensorFlow chooses. See `Runtime`.

    On a GPU, copies to and from the device are timed as "copying", without overlap with the network, as in section 3.1.
    The GPU path is untested, as no GPU was available. The number of threads applies to the whole process.
    """

    title = "TensorFlow SavedModel, upsampling in the graph"
    precision = "float32"
    packages = ("tensorflow",)
    distributions = ("tensorflow",)
    file = "saved_model"
    engine = None

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.deployment.export import export_saved_model

        export_saved_model(network, path)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        import tensorflow as tf

        set_threads(num_threads)
        loaded = tf.saved_model.load(str(path))
        labels = loaded.signatures["serving_default"]
        self._loaded = loaded  # it owns the weights
        self.stages = (
            Stage("copying", lambda image: tf.constant(image[np.newaxis])),
            Stage("network", lambda batch: labels(image=batch)["labels"]),
            Stage("copying", lambda batch: batch.numpy()[0]),
        )


def set_threads(num_threads: int) -> None:
    """Sets the number of TensorFlow's threads; call before TensorFlow has computed anything in the process."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
