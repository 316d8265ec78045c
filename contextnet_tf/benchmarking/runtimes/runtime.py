"""What every runtime of the comparison implements.

The modules of this package import TensorFlow, Keras and the runtimes' own libraries only where these are used: each
runtime is measured in a process that has loaded nothing else.
"""

import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    import keras


class Stage(NamedTuple):
    """A step on the way from an image to its labels: `run` takes the result of the stage before it.

    `part` is the name that its time is counted under: "copying", "network" or "upsampling".
    """

    part: str
    run: Callable[[Any], Any]


class Runtime(Protocol):
    """A network in one runtime.

    Attributes:
      title: its name in a table.
      precision: "float32", "float16" (weights only), "int8" or "bfloat16".
      packages: the packages that must be installed, by the names to import.
      distributions: the distributions whose versions affect its figures.
      file: name of the file or folder that it reads; runtimes that read the same file have the same name here.
      engine: name of the `Segmenter` engine that runs the file in a stream; None: it cannot stream.
      stages: from one image uint8 [H, W, 3] to its labels uint8 [H, W].
    """

    title: ClassVar[str]
    precision: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    distributions: ClassVar[tuple[str, ...]]
    file: ClassVar[str]
    engine: ClassVar[str | None]
    stages: tuple[Stage, ...]

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """Writes the file that the constructor reads, for a folded network of fixed size.

        `images`, uint8 [H, W, 3] of that size, are those that will be timed; int8 is calibrated on them.

        Raises:
          InputError: the network has a layer that has no counterpart in the runtime.
        """

    def __init__(self, path: pathlib.Path, num_threads: int):
        """Loads the file."""
