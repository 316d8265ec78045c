"""Engines run a network. Each engine is a small class in its own file and implements the protocol `Engine`.

To add an engine, write the class and add an entry to `ENGINES`. Its file is imported on first use, because each engine
needs its own library.
"""

import functools
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, Protocol, Self

import numpy as np

from contextnet_tf.errors import needed_by


class Engine(Protocol):
    """Runs one network. Inference is serialized between threads that share an engine; a `twin` runs concurrently.

    Attributes:
      size: (height, width) of the input images, or None for any multiples of `size_multiple`.
      size_multiple: divisor of the height and width that the network accepts.
      num_classes: number of classes C.
      metadata: the metadata of the network, see `describe`; may be empty.
      num_threads: number of threads per image.
    """

    size_multiple: int
    num_classes: int
    metadata: dict[str, Any]
    num_threads: int

    @property
    def size(self) -> tuple[int, int] | None: ...

    def image_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) to which an image of `size` must be padded or resized."""

    def logits(self, image: np.ndarray) -> np.ndarray:
        """One image uint8 [H, W, 3] RGB of an accepted size -> logits float32 [H/f, W/f, C].

        A file with the arg-max in the graph returns labels instead: train ids uint8 [H, W].
        """

    def twin(self) -> Self:
        """A second engine of the same network that runs concurrently with this one; the file is not read again."""


def _litert(source: Any, num_threads: int | None) -> Engine:
    from contextnet_tf.deployment.engines.litert import LiteRTEngine

    return LiteRTEngine(source, num_threads)


def _tensorflow(source: Any, num_threads: int | None) -> Engine:
    with needed_by("the engine tensorflow"):
        from contextnet_tf.deployment.engines.tensorflow import tensorflow_engine

    return tensorflow_engine(source, num_threads)


def _openvino(source: Any, num_threads: int | None, precision: str | None = None) -> Engine:
    with needed_by("the engine openvino", "openvino"):
        from contextnet_tf.deployment.engines.openvino import OpenVINOEngine

    return OpenVINOEngine(source, num_threads, precision)


def _onnxruntime(source: Any, num_threads: int | None) -> Engine:
    with needed_by("the engine onnxruntime", "onnx"):
        from contextnet_tf.deployment.engines.onnx_runtime import ONNXRuntimeEngine

    return ONNXRuntimeEngine(source, num_threads)


# Engine name -> factory: (path or network, number of threads or None) -> Engine.
ENGINES: dict[str, Callable[[Any, int | None], Engine]] = {
    "litert": _litert,
    "tensorflow": _tensorflow,
    "openvino": _openvino,
    "openvino-float32": functools.partial(_openvino, precision="f32"),
    "onnxruntime": _onnxruntime,
}

# The default engine for each kind of exported file; .keras files, run folders and SavedModel folders need TensorFlow.
ENGINE_OF_SUFFIX = {".tflite": "litert", ".onnx": "onnxruntime"}


def engine_for(source: Any) -> str:
    """The engine that runs `source`, a network or its path, by default."""
    if not isinstance(source, str | os.PathLike):
        return "tensorflow" if "keras" in sys.modules else "litert"  # without Keras loaded, it is no Keras network
    path = pathlib.Path(source)
    suffix = path.suffix.lower()
    if suffix in ENGINE_OF_SUFFIX:
        return ENGINE_OF_SUFFIX[suffix]
    # Other files: LiteRT recognizes its own by their content, and is the engine of presets.
    return "tensorflow" if suffix == ".keras" or os.path.isdir(path) else "litert"
