"""LiteRT on the files that the project exports, with the project's upsampling or with one inside the file."""

import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Stage
from contextnet_tf.deployment import upsample
from contextnet_tf.deployment.engines.litert import LiteRTEngine
from contextnet_tf.deployment.export import export_tflite


class LiteRT:
    """Float32 logits at 1/8 from LiteRT, then `upsample_argmax`: what `Segmenter` does. See `Runtime`."""

    title = "LiteRT float32 + exact upsampling"
    precision = "float32"
    packages = ("ai_edge_litert",)
    distributions = ("ai-edge-litert", *upsample.DISTRIBUTIONS)
    file = "model.tflite"
    engine = "litert"

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        export_tflite(network, path)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        run = _Steps(path, num_threads)
        height, width = run.size
        self.stages = (
            Stage("copying", run.copy_in),
            Stage("network", run.invoke),
            Stage("copying", run.copy_out),
            Stage("upsampling", lambda logits: upsample.upsample_argmax(logits, (height, width))),
        )


class LiteRTFloat16(LiteRT):
    """The same with float16 weights."""

    title = "LiteRT float16 + exact upsampling"
    precision = "float16"
    file = "model_float16.tflite"

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        export_tflite(network, path, "float16")


class LiteRTInt8(LiteRT):
    """The same in integers, calibrated on the images that are timed: for times, not for accuracy."""

    title = "LiteRT int8 + exact upsampling"
    precision = "int8"
    file = "model_int8.tflite"

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        export_tflite(network, path, "int8", calibration=images)


class LiteRTLabels:
    """The file of labels that the project exports: upsampling and arg-max are operators of LiteRT. See `Runtime`."""

    title = "LiteRT float32, exported file of labels"
    precision = "float32"
    packages = ("ai_edge_litert",)
    distributions = ("ai-edge-litert",)
    file = "model_labels.tflite"
    engine = None

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        export_tflite(network, path, output="labels")

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        run = _Steps(path, num_threads)
        self.stages = (
            Stage("copying", run.copy_in),
            Stage("network", run.invoke),
            Stage("copying", run.copy_out),
        )


class LiteRTInside(LiteRTLabels):
    """The same of the network as it is, without cache blocking: what the other runtimes are given too."""

    title = "LiteRT float32, upsampling inside"
    file = "model_as_it_is_labels.tflite"

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        export_tflite(network, path, output="labels", tiling=False)


class _Steps(LiteRTEngine):
    """The engine's `logits` taken apart, to time copying by itself."""

    def copy_in(self, image: np.ndarray) -> None:
        """The image into the interpreter."""
        self._interpreter.set_tensor(self._image, image[np.newaxis])

    def invoke(self, _: None) -> None:
        """The network."""
        self._interpreter.invoke()

    def copy_out(self, _: None) -> np.ndarray:
        """What came out: logits float32 [H/8, W/8, C], or labels uint8 [H, W]."""
        return self._file.dequantized(self._interpreter.get_tensor(self._output)[0])
