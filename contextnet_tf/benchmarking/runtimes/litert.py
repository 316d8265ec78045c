"""LiteRT on exported TFLite files, with `upsample_argmax` or upsampling in the graph."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage
from contextnet_tf.deployment import upsample
from contextnet_tf.deployment.engines.litert import LiteRTEngine

if TYPE_CHECKING:
    import keras


class LiteRT(Runtime):
    """Logits float32 at 1/8 from LiteRT, then `upsample_argmax`, as in `Segmenter`. See `Runtime`."""

    title = "LiteRT float32 + exact upsampling"
    precision = "float32"
    packages = ("ai_edge_litert",)
    distributions = ("ai-edge-litert", *upsample.DISTRIBUTIONS)
    file = "model.tflite"
    engine = "litert"

    @classmethod
    def write(cls, network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.deployment.export import export_tflite

        export_tflite(network, path, cls.precision, calibration=images)

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
    """`LiteRT` with float16 weights."""

    title = "LiteRT float16 + exact upsampling"
    precision = "float16"
    file = "model_float16.tflite"


class LiteRTInt8(LiteRT):
    """`LiteRT` in int8, calibrated on the timed images, since only speed is measured, not accuracy."""

    title = "LiteRT int8 + exact upsampling"
    precision = "int8"
    file = "model_int8.tflite"


class LiteRTLabels(Runtime):
    """The exported labels file: upsampling and arg-max are LiteRT operators. See `Runtime`."""

    title = "LiteRT float32, exported file of labels"
    precision = "float32"
    packages = ("ai_edge_litert",)
    distributions = ("ai-edge-litert",)
    file = "model_labels.tflite"
    engine = None
    tiling = True

    @classmethod
    def write(cls, network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.deployment.export import export_tflite

        export_tflite(network, path, output="labels", tiling=cls.tiling)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        run = _Steps(path, num_threads)
        self.stages = (
            Stage("copying", run.copy_in),
            Stage("network", run.invoke),
            Stage("copying", run.copy_out),
        )


class LiteRTInGraph(LiteRTLabels):
    """`LiteRTLabels` without tiling: the same graph as in the other runtimes."""

    title = "LiteRT float32, upsampling in the graph"
    file = "model_untiled_labels.tflite"
    tiling = False


class _Steps(LiteRTEngine):
    """The engine's `logits` split into parts, to time copying separately."""

    def copy_in(self, image: np.ndarray) -> None:
        """Copies the image into the interpreter."""
        self._interpreter.set_tensor(self._image, image[np.newaxis])

    def invoke(self, _: None) -> None:
        """Runs the network."""
        self._interpreter.invoke()

    def copy_out(self, _: None) -> np.ndarray:
        """The output: logits float32 [H/8, W/8, C], or labels uint8 [H, W]."""
        return self._file.dequantized(self._interpreter.get_tensor(self._output)[0])
