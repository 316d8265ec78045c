"""Reads and checks .tflite files written by `export_tflite`; the base class of the engines that run them."""

import abc
import copy
import functools
import logging
import os
import pathlib
import threading
from typing import Any, NamedTuple, Self

import numpy as np

from contextnet_tf.deployment.metadata import metadata_path, read_metadata, require_described
from contextnet_tf.errors import InputError, reason_of

_logger = logging.getLogger(__name__)


class TFLiteFile(NamedTuple):
    """The content of the file and its attributes as in `Engine`.

    `scale` and `zero_point` dequantize the output, see `dequantized`; 0.0 and 0 for an output that is not quantized.
    """

    content: bytes
    size: tuple[int, int]
    size_multiple: int
    num_classes: int
    metadata: dict[str, Any]
    scale: float
    zero_point: int

    def dequantized(self, output: np.ndarray) -> np.ndarray:
        """Converts an output quantized to 8 bits to float32; returns any other output unchanged."""
        if not self.scale:
            return output
        values = np.subtract(output, self.zero_point, dtype=np.float32)
        values *= np.float32(self.scale)  # in place: allocation takes longer than the arithmetic
        return values


def read_tflite(path: str | os.PathLike) -> TFLiteFile:
    """Reads a file with the input uint8 [1, H, W, 3] and the output logits, probabilities (maybe quantized) or labels.

    Raises:
      InputError: the file is missing, damaged, or of another kind; or the JSON beside it belongs to another file.
    """
    from ai_edge_litert.interpreter import Interpreter  # takes a second, and only this function needs it

    content = _content(path)
    metadata = read_metadata(path, content)  # first: the interpreter trusts what it reads, also of a damaged file
    try:
        interpreter = Interpreter(model_content=content)
    except (ValueError, RuntimeError) as error:
        raise unusable(path, error) from None
    image, output = _image_and_output(path, interpreter)
    size, shape = tuple(image["shape"][1:3].tolist()), output["shape"].tolist()
    require_described(path, metadata, size=size, output=shape)
    if not metadata:
        _say_once(f"{path}: no {metadata_path(path).name} beside it names its classes and colors")
    return TFLiteFile(
        content,
        size,
        # Without metadata: the smallest possible value.
        metadata.get("image", {}).get("size_multiple", size[0] // shape[1]),
        # The shape of labels does not give the number of classes; uint8 allows at most 256.
        shape[3] if len(shape) == 4 else metadata.get("num_classes", 256),
        metadata,
        *output["quantization"],
    )


# What must not be freed: in a forked process, a runtime would wait forever for threads that only the parent has.
_of_the_parent: list[object] = []


class TFLiteEngine(abc.ABC):
    """Base class of the engines that run a .tflite file, see `Engine`. Inference is serialized.

    A subclass creates its interpreter in `_start`, sets `num_threads`, and runs inference in `_run`.
    """

    num_threads: int

    def __init__(self, path: str | os.PathLike):
        """Reads the file.

        Raises:
          InputError: the file is missing, damaged, or of another kind.
        """
        self._path, self._file = path, read_tflite(path)
        self.size, self.size_multiple = self._file.size, self._file.size_multiple
        self.num_classes, self.metadata = self._file.num_classes, self._file.metadata
        self._lock, self._process = threading.Lock(), os.getpid()

    def __del__(self) -> None:
        if getattr(self, "_process", os.getpid()) != os.getpid():
            _of_the_parent.append(vars(self))

    @abc.abstractmethod
    def _start(self) -> None:
        """Creates the interpreter for batch size 1."""

    @abc.abstractmethod
    def _run(self, images: np.ndarray) -> np.ndarray:
        """uint8 [1, H, W, 3] -> the raw output without the batch dimension."""

    def image_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """See `Engine`."""
        del size
        return self.size

    def logits(self, image: np.ndarray) -> np.ndarray:
        """See `Engine`.

        Raises:
          InputError: the file turns out to be damaged.
        """
        with self._lock:
            try:
                output = self._run(image[np.newaxis])
            except (ValueError, RuntimeError) as error:
                raise unusable(self._path, error) from None
        return self._file.dequantized(output)

    def twin(self) -> Self:
        """See `Engine`."""
        twin = copy.copy(self)
        twin._lock, twin._process = threading.Lock(), os.getpid()
        twin._start()
        return twin


def unusable(path: str | os.PathLike, error: Exception) -> InputError:
    """The exception to raise when an engine rejects the file with `error`."""
    return InputError(f"{path}: cannot be used ({reason_of(error)}); export the network again")


@functools.cache
def _say_once(message: str) -> None:
    _logger.warning(message)


def _content(path: str | os.PathLike) -> bytes:
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"this engine runs a .tflite file, not a {type(path).__name__}; give its path")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; give a .tflite file that the export wrote")
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if content[4:8] != b"TFL3":  # the identifier of every TFLite file
        raise InputError(f"{path}: is not a TFLite file; give a .tflite file that the export wrote")
    return content


def _image_and_output(path: str | os.PathLike, interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """LiteRT's details of the input uint8 [1, H, W, 3] and of the output, see `_is_segmentation`."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    image, output = inputs[0], outputs[0]
    if len(inputs) == len(outputs) == 1 and _is_segmentation(image, output):
        return image, output
    takes, gives = (f"{x['dtype'].__name__} {x['shape'].tolist()}" for x in (image, output))
    raise InputError(
        f"{path}: takes {takes} and gives {gives}; a segmentation file takes uint8 "
        "[1, H, W, 3] and gives float32 or quantized [1, H/f, W/f, classes], or labels uint8 [1, H, W]"
    )


def _is_segmentation(image: dict[str, Any], output: dict[str, Any]) -> bool:
    """Whether the input is uint8 [1, H, W, 3] and the output logits [1, H/f, W/f, C] or labels uint8 [1, H, W]."""
    shape, out = image["shape"].tolist(), output["shape"].tolist()
    if image["dtype"] != np.uint8 or len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
        return False
    quantized = output["dtype"] in (np.uint8, np.int8) and output["quantization"][0] > 0
    if len(out) == 4 and (quantized or output["dtype"] == np.float32):
        return out[0] == 1 and shape[1] * out[2] == shape[2] * out[1] and shape[1] % out[1] == 0
    return output["dtype"] == np.uint8 and out == shape[:3]
