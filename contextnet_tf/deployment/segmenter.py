"""From an image to one label for each of its pixels: what an application uses."""

import functools
import numbers
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from contextnet_tf.deployment.engines import ENGINES, Engine
from contextnet_tf.deployment.resizing import (
    RESIZE_MODES,
    check_image,
    fit_labels,
    is_padded,
    most_padding,
    resize_image,
)
from contextnet_tf.deployment.streaming import in_order
from contextnet_tf.deployment.upsample import upsample_argmax
from contextnet_tf.errors import InputError
from contextnet_tf.machine import available_cores


class Segmenter:
    """Labels images of any size with a network.

    A file takes images of one size. Smaller images are padded at the lower and right edge by repeating the last row
    and column, and the labels are cropped; or images are resized, and their logits are upsampled bilinearly to the
    image's own size. A network without a fixed size (engine "tensorflow") pads every image to the next multiples of
    its size multiple.

    Several threads may use one Segmenter: inference is serialized, everything else runs concurrently. To use several
    cores for inference, increase `num_threads`, or pass frames to `stream`.

    Attributes:
      size: (height, width) that images are padded or resized to; None: any size is taken.
      num_classes: number of classes; the labels are 0 to num_classes - 1.
      metadata: the JSON beside the file: classes, colors, dataset and more; may be empty.
      workers: default number of workers of a stream: cores // threads per worker.
    """

    def __init__(
        self, path_or_model: Any, *, num_threads: int | None = None, engine: str = "litert", resize_mode: str = "auto"
    ):
        """Loads the network.

        Args:
          path_or_model: for the engine "tensorflow" a Keras network, a .keras file, the folder of a run or a
            SavedModel folder; for the others the path of a .tflite file.
          num_threads: threads per image; None: one for "litert", all cores for the others.
          engine: "litert"; "tensorflow"; "openvino", in bfloat16 where the processor has it, or
            "openvino-float32", both with the extra [openvino].
          resize_mode: what to do with images of another size than the file's. "resize"; "pad", which refuses larger
            images; or "auto", which pads images that are smaller by less than the network's size multiple (32 for
            cn14), and resizes all others.

        Raises:
          InputError: the engine or resize mode is unknown, or the engine is not installed; the file is missing,
            damaged or of another kind; or `num_threads` is no positive whole number, or cannot be set any more.
        """
        _check_choice("engine", engine, tuple(ENGINES))
        _check_choice("resize_mode", resize_mode, RESIZE_MODES)
        num_threads = _count("num_threads", num_threads)
        self._engine = ENGINES[engine](path_or_model, num_threads)
        self._twins, self._twins_lock = [self._engine], threading.Lock()
        self._most_padding = most_padding(resize_mode, self._engine.size_multiple)
        self.size = self._engine.size
        self.num_classes = self._engine.num_classes
        self.metadata = self._engine.metadata
        self.workers = max(1, available_cores() // self._engine.num_threads)

    def segment(self, image: np.ndarray) -> np.ndarray:
        """One image uint8 [H, W, 3] RGB of any size -> train ids uint8 [H, W].

        Raises:
          InputError: the image is not uint8 with three channels and at least one pixel, or too large to be padded.
        """
        return self._segment(self._engine, image)

    def stream(
        self, frames: Iterable[np.ndarray], pipelined: bool = True, *, workers: int | None = None
    ) -> Iterator[np.ndarray]:
        """The labels of each frame, uint8 [H, W, 3] -> uint8 [H, W], in the order of the frames.

        Pipelined, several workers, threads with an engine each, label a frame each while this thread reads the
        next ones and uses the labels: at most one more than there are workers is on its way, and the labels of a
        frame may come after the frames behind it were read. Otherwise each frame is finished before the next is read.
        Frames must not be changed before their labels are out. An exception, of the source or for a frame, is
        raised in the place of that frame's labels and ends the stream; closing the stream early waits for the
        frames that are being labeled and drops the one behind them.

        `workers` None: the attribute's number. They hold the file once, and each the features of its own frame;
        their engines are kept for the next stream.

        Raises:
          InputError: a frame is not uint8 with three channels and at least one pixel, or too large to be padded; or
            `workers` is no positive whole number.
        """
        workers = _count("workers", workers)
        if not pipelined:
            return (self.segment(frame) for frame in frames)
        return self._pipelined(frames, workers or self.workers)

    def _pipelined(self, frames: Iterable[np.ndarray], workers: int) -> Iterator[np.ndarray]:
        with self._twins_lock:
            while len(self._twins) < workers:
                self._twins.append(self._engine.twin())
            engines = self._twins[:workers]
        yield from in_order([functools.partial(self._segment, engine) for engine in engines], frames)

    def _segment(self, engine: Engine, image: np.ndarray) -> np.ndarray:
        check_image(image)
        size = image.shape[:2]
        target = engine.image_size(size)
        logits = engine.logits(resize_image(image, target, self._most_padding))
        if logits.ndim == 2:  # labels already, of a file that has the arg-max inside
            return fit_labels(logits, size, self._most_padding)
        if not is_padded(size, target, self._most_padding):
            return upsample_argmax(logits, size)
        return upsample_argmax(logits, target)[: size[0], : size[1]]


def _check_choice(name: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"{name} {value!r} is unknown; choose from: {', '.join(known)}")


def _count(name: str, value: Any) -> int | None:
    """The value as an integer; NumPy's integers are whole numbers too."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise InputError(f"{name} = {value!r}: it must be a whole number, 1 or more, or None")
    return int(value)
