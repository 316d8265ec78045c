"""From a picture to one label for each of its pixels: what an application uses."""

import collections
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.deployment.fitting import check_picture, fit_labels, fit_picture, is_padded
from contextnet_tf.deployment.upsample import upsample_argmax
from contextnet_tf.errors import InputError


class Segmenter:
    """Labels pictures of any size with a network, which may be used from several threads.

    A file takes pictures of one size. A picture that is smaller than that by less than the network's
    size multiple (32 for cn14), as if the file's size were the picture's rounded up, is padded at its
    lower and right edge by repeating its last row and column; the labels are cropped back. Any other
    picture is resized to the file's size, and its logits are upsampled bilinearly straight to the
    picture's own size. A network without a fixed size (engine "tensorflow") takes every picture padded.

    Attributes:
      size: (height, width) that pictures are fitted to, None where any is taken.
      num_classes: number of classes; the labels are 0 to num_classes - 1.
      metadata: what stands beside the file: classes, colours, data set and more; may be empty.
    """

    def __init__(self, path_or_model: Any, *, num_threads: int | None = None, engine: str = "litert"):
        """Loads the network.

        Args:
          path_or_model: for the engine "tensorflow" a Keras network, a .keras file, the folder of a run or a
            SavedModel folder; for the others the path of a .tflite file.
          num_threads: threads that the engine may use; None leaves it to the engine.
          engine: "litert"; "tensorflow"; "openvino", in bfloat16 where the processor has it, or
            "openvino-float32", both with the extra [openvino].

        Raises:
          InputError: the engine is unknown or not installed, the file is missing, damaged or of another kind, or the
            number of threads is not positive or cannot be set any more.
        """
        if engine not in ENGINES:
            raise InputError(f"engine {engine!r} is unknown; choose from: {', '.join(ENGINES)}")
        if num_threads is not None and num_threads < 1:
            raise InputError(f"num_threads = {num_threads}: it must be 1 or more, or None")
        self._engine = ENGINES[engine](path_or_model, num_threads)
        self.size = self._engine.size
        self.num_classes = self._engine.num_classes
        self.metadata = self._engine.metadata

    def segment(self, image: np.ndarray) -> np.ndarray:
        """One picture uint8 [H, W, 3] RGB of any size -> train ids uint8 [H, W].

        Raises:
          InputError: the picture is not uint8 with three channels and at least one pixel.
        """
        return self._labels(self._logits(image), image.shape[:2])

    def stream(self, frames: Iterable[np.ndarray], pipelined: bool = True) -> Iterator[np.ndarray]:
        """The labels of each frame, uint8 [H, W, 3] -> uint8 [H, W], in the order of the frames.

        Pipelined, the network works on the next frames in a thread of its own while this one reads,
        upsamples and hands out: at most two frames are on their way, and the labels of a frame come
        after the frame behind it was read. Without, each frame is finished before the next is read.
        Frames must not be changed before their labels are out. An exception, of the source or for a
        frame, is raised in the place of that frame's labels and ends the stream; closing the stream
        early waits for the frame in the network and drops the one behind it.

        Raises:
          InputError: a frame is not uint8 with three channels and at least one pixel.
        """
        return self._pipelined(frames) if pipelined else self._sequential(frames)

    def _sequential(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for frame in frames:
            yield self.segment(frame)

    def _pipelined(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        frames = iter(frames)
        pending = collections.deque()
        failure = None
        worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="segmenter")
        try:
            while True:
                try:
                    frame = next(frames)
                except StopIteration:
                    break
                except Exception as error:  # raised below, after the frames that came before it
                    failure = error
                    break
                pending.append((worker.submit(self._logits, frame), frame))
                # Two: one in the network and one waiting, so that the network never waits for us.
                if len(pending) == 2:
                    yield self._finished(pending.popleft())
            while pending:
                yield self._finished(pending.popleft())
        finally:
            worker.shutdown(cancel_futures=True)
        if failure is not None:
            raise failure

    def _finished(self, work: tuple[Any, np.ndarray]) -> np.ndarray:
        logits, frame = work
        return self._labels(logits.result(), frame.shape[:2])

    def _logits(self, image: np.ndarray) -> np.ndarray:
        check_picture(image)
        target = self._engine.picture_size(image.shape[:2])
        return self._engine.logits(fit_picture(image, target, self._engine.size_multiple))

    def _labels(self, logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        target = self._engine.picture_size(size)
        if logits.ndim == 2:  # labels already, of a file that has the arg-max inside
            return fit_labels(logits, size, self._engine.size_multiple)
        if not is_padded(size, target, self._engine.size_multiple):
            return upsample_argmax(logits, size)
        return upsample_argmax(logits, target)[: size[0], : size[1]]
