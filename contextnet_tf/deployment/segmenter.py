"""From an image to one label for each of its pixels: what an application uses."""

import functools
import threading
from collections.abc import Iterable, Iterator
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

    A file takes images of one size. An image that is padded to it is extended at its lower and right edge by
    repeating its last row and column, and the labels are cropped back. Of one that is resized, the logits are
    upsampled bilinearly straight to the image's own size. A network without a fixed size (engine "tensorflow")
    takes every image at the next multiples of what it needs.

    Several threads may use one Segmenter. They take turns in the network and do the rest at the same time; to have
    the network on several cores, give it more `num_threads`, or frames to `stream`.

    Attributes:
      size: (height, width) that images are fitted to, None where any is taken.
      num_classes: number of classes; the labels are 0 to num_classes - 1.
      metadata: what stands beside the file: classes, colors, dataset and more; may be empty.
      workers: how many a stream has: as many as find cores for the threads that the engine gives an image.
    """

    def __init__(
        self, path_or_model: Any, *, num_threads: int | None = None, engine: str = "litert", fit: str = "auto"
    ):
        """Loads the network.

        Args:
          path_or_model: for the engine "tensorflow" a Keras network, a .keras file, the folder of a run or a
            SavedModel folder; for the others the path of a .tflite file.
          num_threads: threads that the engine gives an image; None is one for "litert", all cores for the others.
          engine: "litert"; "tensorflow"; "openvino", in bfloat16 where the processor has it, or
            "openvino-float32", both with the extra [openvino].
          fit: how images of another size are brought to the file's. "resize"; "pad", which takes no larger
            ones; or "auto": those that are smaller by less than the network's size multiple (32 for cn14), as if
            the file's size were theirs rounded up, are padded, all others resized.

        Raises:
          InputError: engine or fit is unknown, or the engine not installed; the file is missing, damaged or of
            another kind; or the number of threads is not positive or cannot be set any more.
        """
        if engine not in ENGINES:
            raise InputError(f"engine {engine!r} is unknown; choose from: {', '.join(ENGINES)}")
        if fit not in RESIZE_MODES:
            raise InputError(f"fit {fit!r} is unknown; choose from: {', '.join(RESIZE_MODES)}")
        if num_threads is not None and num_threads < 1:
            raise InputError(f"num_threads = {num_threads}: it must be 1 or more, or None")
        self._engine = ENGINES[engine](path_or_model, num_threads)
        self._twins, self._twins_lock = [self._engine], threading.Lock()
        self._most_padding = most_padding(fit, self._engine.size_multiple)
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
            `workers` is not positive.
        """
        if workers is not None and workers < 1:
            raise InputError(f"workers = {workers}: it must be 1 or more, or None")
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
