"""What every contender has."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import keras
import numpy as np


class Stage(NamedTuple):
    """A step on the way from an image to its labels: takes what the stage before it gave.

    `part` says what its time counts as: "copying", "network" or "upsampling".
    """

    part: str
    run: Callable[[Any], Any]


class Runtime(Protocol):
    """A network in one runtime.

    Attributes:
      title: what it is, for a table.
      precision: what it computes in: "float32", "float16" (weights alone), "int8" or "bfloat16".
      packages: what must be installed for it, by the names to import.
      distributions: whose versions its figures depend on.
      file: name of the file or folder that it reads; contenders that read the same have the same name.
      engine: name of the `Segmenter` engine that runs that file in a stream; None: it has no stream.
      stages: the way of one image uint8 [H, W, 3] to its labels uint8 [H, W].
    """

    title: ClassVar[str]
    precision: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    distributions: ClassVar[tuple[str, ...]]
    file: ClassVar[str]
    engine: ClassVar[str | None]
    stages: tuple[Stage, ...]

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """Writes what the constructor reads, for a folded network of fixed size.

        `images`, uint8 [H, W, 3] of that size, are what the network will see: for calibration.

        Raises:
          InputError: the network has a layer that the contender has no counterpart for.
        """

    def __init__(self, path: pathlib.Path, num_threads: int):
        """Loads the file."""
