"""ONNX Runtime on exported ONNX files, with `upsample_argmax` or upsampling in the graph."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage
from contextnet_tf.deployment import upsample
from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.errors import InputError

if TYPE_CHECKING:
    import keras


class OnnxRuntime(Runtime):
    """Logits from the engine "onnxruntime", then `upsample_argmax`. See `Runtime`.

    ONNX Runtime reads the image in place and returns a new array, so there is no separate copying to time.
    """

    title = "ONNX Runtime + exact upsampling"
    precision = "float32"
    packages = ("onnx", "onnxruntime")
    distributions = ("onnx", "onnxruntime", *upsample.DISTRIBUTIONS)
    file = "model.onnx"
    engine: ClassVar[str] = "onnxruntime"

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.deployment.onnx_export import export_onnx

        export_onnx(network, path)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        self.stages = logits_and_upsampling(self.engine, path, num_threads)


class OnnxRuntimeInGraph(Runtime):
    """The ONNX file of labels: upsampling and arg-max are ONNX operators. See `Runtime`."""

    title = "ONNX Runtime, upsampling in the graph"
    precision = "float32"
    packages = ("onnx", "onnxruntime")
    distributions = ("onnx", "onnxruntime")
    file = "model_labels.onnx"
    engine = None

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.deployment.onnx_export import export_onnx

        export_onnx(network, path, output="labels")

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        self.stages = (Stage("network", ENGINES["onnxruntime"](path, num_threads).logits),)


def logits_and_upsampling(engine: str, path: pathlib.Path, num_threads: int) -> tuple[Stage, ...]:
    """The stages of a `Segmenter` engine: logits, then `upsample_argmax` to the size of the file."""
    loaded = ENGINES[engine](path, num_threads)
    if loaded.size is None:
        raise InputError(f"{path}: takes images of any size; a runtime is measured at one")
    height, width = loaded.size
    return (
        Stage("network", loaded.logits),
        Stage("upsampling", lambda logits: upsample.upsample_argmax(logits, (height, width))),
    )
