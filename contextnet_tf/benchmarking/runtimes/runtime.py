"""The interface of a runtime.

The modules of this package import TensorFlow, Keras and the runtimes' libraries lazily: each runtime is measured in a
process that has loaded no other runtime.
"""

import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    import keras


class Stage(NamedTuple):
    """A stage of the inference from image to labels: `run` takes the result of the previous stage.

    `part` is the category of the stage's time: "copying", "network" or "upsampling".
    """

    part: str
    run: Callable[[Any], Any]


class Runtime(Protocol):
    """A network in one runtime.

    Attributes:
      title: display name in tables.
      precision: "float32", "float16" (weights only), "int8" or "bfloat16".
      packages: import names of the required packages.
      distributions: distributions with versions that affect the figures.
      file: name of the file or folder to read; runtimes with the same name share the file.
      engine: name of the `Segmenter` engine for streams; None: no streams.
      stages: from one image uint8 [H, W, 3] to its labels uint8 [H, W].
    """

    title: ClassVar[str]
    precision: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    distributions: ClassVar[tuple[str, ...]]
    file: ClassVar[str]
    engine: ClassVar[str | None]
    stages: tuple[Stage, ...]

    @classmethod
    def write(cls, network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """Writes the file for the constructor, for a folded network of fixed size.

        `images`, uint8 [H, W, 3] of this size, are the images to be timed; int8 is calibrated on them.

        Raises:
          InputError: the runtime does not support a layer of the network.
        """

    def __init__(self, path: pathlib.Path, num_threads: int):
        """Loads the file."""
