"""What runs a network: one small class in a file of its own for each engine, all with what `Engine` says.

A new engine is such a class and an entry in `ENGINES`. Its file is imported when the engine is first asked for:
each brings a library of its own.
"""

from collections.abc import Callable
from typing import Any, Protocol, Self

import numpy as np


class Engine(Protocol):
    """Runs one network. Threads that share an engine take turns; for each to run at once, give it a `twin`.

    Attributes:
      size: (height, width) of the images it takes, or None for any multiples of `size_multiple`.
      size_multiple: what the network needs height and width to be divisible by.
      num_classes: number of classes C.
      metadata: what is known of the network, see `describe`; may be empty.
      num_threads: how many threads one image is given.
    """

    size_multiple: int
    num_classes: int
    metadata: dict[str, Any]
    num_threads: int

    @property
    def size(self) -> tuple[int, int] | None: ...

    def image_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) to which an image of `size` must be brought."""

    def logits(self, image: np.ndarray) -> np.ndarray:
        """One image uint8 [H, W, 3] RGB of a size that it takes -> logits float32 [H/f, W/f, C].

        A file that has the arg-max inside gives its labels in their place: train ids uint8 [H, W].
        """

    def twin(self) -> Self:
        """An engine of the same network that runs at the same time as this one; the file is not read again."""


def _litert(source: Any, num_threads: int | None) -> Engine:
    from contextnet_tf.deployment.engines.litert import LiteRTEngine

    return LiteRTEngine(source, num_threads)


def _tensorflow(source: Any, num_threads: int | None) -> Engine:
    from contextnet_tf.deployment.engines.tensorflow import tensorflow_engine

    return tensorflow_engine(source, num_threads)


def _openvino(source: Any, num_threads: int | None) -> Engine:
    from contextnet_tf.deployment.engines.openvino import OpenVINOEngine

    return OpenVINOEngine(source, num_threads)


def _openvino_float32(source: Any, num_threads: int | None) -> Engine:
    from contextnet_tf.deployment.engines.openvino import OpenVINOEngine

    return OpenVINOEngine(source, num_threads, precision="f32")


# What makes an engine, by the name that users give: (path or network, number of threads or None) -> Engine.
ENGINES: dict[str, Callable[[Any, int | None], Engine]] = {
    "litert": _litert,
    "tensorflow": _tensorflow,
    "openvino": _openvino,
    "openvino-float32": _openvino_float32,
}
