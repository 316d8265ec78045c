"""OpenVINO with upsampling and arg-max in its graph; the engine `openvino` of `Segmenter` has them outside."""

import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from contextnet_tf.deployment.contenders.contender import Stage
from contextnet_tf.deployment.contenders.litert import LiteRTInside


class OpenVINOInside:
    """LiteRT's own file of labels on OpenVINO, in float32. See `Contender`."""

    title = "OpenVINO float32, upsampling inside"
    packages = ("openvino",)
    distributions = ("openvino",)
    file = LiteRTInside.file
    engine = None
    exact = True
    precision = "f32"
    write = staticmethod(LiteRTInside.write)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Contender`."""
        import openvino

        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": num_threads,
            "INFERENCE_PRECISION_HINT": self.precision,
        }
        request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()

        self.stages = (
            Stage("network", lambda picture: request.infer({0: picture[np.newaxis]}, share_inputs=True)[0]),
            Stage("copying", lambda labels: labels[0].copy()),
        )


class OpenVINOBfloat16Inside(OpenVINOInside):
    """The same in bfloat16; processors without units for that compute in float32, slower."""

    title = "OpenVINO bfloat16, upsampling inside"
    exact = False
    precision = "bf16"
