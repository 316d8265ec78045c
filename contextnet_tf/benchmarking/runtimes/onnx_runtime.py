"""ONNX Runtime on the same network."""

import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Stage
from contextnet_tf.deployment.portable_graph import portable_graph_of


class OnnxRuntime:
    """Image to labels in one ONNX graph, on the CPU. See `Runtime`.

    The runtime reads the image where it lies and hands out memory of its own: there is no copying to time.
    """

    title = "ONNX Runtime, upsampling inside"
    precision = "float32"
    packages = ("onnx", "onnxruntime")
    distributions = ("onnx", "onnxruntime")
    file = "model.onnx"
    engine = None

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.benchmarking.runtimes.onnx_graph import onnx_model

        path.write_bytes(onnx_model(portable_graph_of(network)).SerializeToString())

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.stages = (Stage("network", lambda image: session.run(["labels"], {"image": image})[0]),)
