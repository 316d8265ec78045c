"""OpenVINO on TFLite or ONNX files, with `upsample_argmax` or upsampling in the graph."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from contextnet_tf.benchmarking.runtimes.litert import LiteRT, LiteRTInGraph
from contextnet_tf.benchmarking.runtimes.onnx_runtime import OnnxRuntimeInGraph, logits_and_upsampling
from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage
from contextnet_tf.deployment import upsample
from contextnet_tf.errors import InputError

if TYPE_CHECKING:
    import keras


class OpenVINO(Runtime):
    """Logits from the engine "openvino-float32", copying included, then `upsample_argmax`. See `Runtime`."""

    title = "OpenVINO float32 + exact upsampling"
    precision = "float32"
    packages = ("openvino",)
    distributions = ("openvino", *upsample.DISTRIBUTIONS)
    file = LiteRT.file
    engine: ClassVar[str] = "openvino-float32"
    write = staticmethod(LiteRT.write)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        self.stages = logits_and_upsampling(self.engine, path, num_threads)


class OpenVINOBfloat16(OpenVINO):
    """`OpenVINO` in bfloat16: the engine "openvino" on a processor with bfloat16."""

    title = "OpenVINO bfloat16 + exact upsampling"
    precision = "bfloat16"
    engine = "openvino"


class OpenVINOInGraph(Runtime):
    """The TFLite labels file in float32; the ONNX file is no faster. See `Runtime`."""

    title = "OpenVINO float32, upsampling in the graph"
    precision = "float32"
    packages = ("openvino",)
    distributions = ("openvino",)
    file = LiteRTInGraph.file
    engine = None
    write = staticmethod(LiteRTInGraph.write)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        request = _request(path, num_threads, "f32")
        self.stages = (
            Stage("network", lambda image: request.infer([image[np.newaxis]], share_inputs=True)[0][0]),
            Stage("copying", np.copy),  # OpenVINO reuses the memory of its outputs
        )


class OpenVINOBfloat16InGraph(Runtime):
    """The ONNX file in bfloat16: twice as fast as the TFLite labels file. See `Runtime`."""

    title = "OpenVINO bfloat16, upsampling in the graph"
    precision = "bfloat16"
    packages = ("openvino", "onnx")
    distributions = ("openvino", "onnx")
    file = "openvino.onnx"
    engine = None

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.models.unpooling import MaxUnpooling

        if any(isinstance(layer, MaxUnpooling) for layer in network.layers):
            raise InputError("OpenVINO cannot read unpooling from ONNX files")
        OnnxRuntimeInGraph.write(network, path, images)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        request = _request(path, num_threads, "bf16")
        self.stages = (
            Stage("network", lambda image: request.infer([image[np.newaxis]], share_inputs=True)[0][0]),
            Stage("copying", np.copy),
        )


def _request(path: pathlib.Path, num_threads: int, precision: str) -> Any:
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # as in the engine
        "INFERENCE_NUM_THREADS": num_threads,
        "INFERENCE_PRECISION_HINT": precision,
    }
    return openvino.Core().compile_model(path, "CPU", settings).create_infer_request()


def has_bfloat16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
