"""ONNX Runtime on an ONNX export of the network."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Stage

if TYPE_CHECKING:
    import keras


class OnnxRuntime:
    """From image to labels in one ONNX graph on the CPU. See `Runtime`.

    ONNX Runtime reads the image in place and returns a new array, so there is no separate copying to time.
    """

    title = "ONNX Runtime, upsampling in the graph"
    precision = "float32"
    packages = ("onnx", "onnxruntime")
    distributions = ("onnx", "onnxruntime")
    file = "model.onnx"
    engine = None

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.benchmarking.onnx_graph import onnx_model
        from contextnet_tf.deployment.portable.from_keras import portable_graph_of

        path.write_bytes(onnx_model(portable_graph_of(network)).SerializeToString())

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.stages = (Stage("network", lambda image: session.run(["labels"], {"image": image})[0]),)
