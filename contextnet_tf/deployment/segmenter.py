"""`Segmenter`: from an image to one label per pixel, the API for applications."""

import functools
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from contextnet_tf.arguments import checked_choice, checked_count
from contextnet_tf.deployment.engines import ENGINES, Engine, engine_for
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
from contextnet_tf.presets import exported_preset, resolved


class Segmenter:
    """Labels images of any size with a network.

    Most files have a fixed image size. An image smaller by less than the network's size multiple is padded at the
    lower and right edge, by repeating the last row and column, and its labels are cropped. Any other image is resized,
    and its logits are upsampled bilinearly to the original size (`resize_mode` can select one of the two). For a
    network without a fixed size (a Keras network, an ONNX file of dynamic size), every image is padded to the next
    multiples of the network's size multiple.

    Several threads may use one Segmenter. The engines "litert" and "openvino" serialize inference; everything else runs
    concurrently. To use several cores for inference, increase `num_threads`, or pass frames to `stream`. A pickled or
    copied Segmenter, such as one sent to another process, loads the network again.

    In a forked process (multiprocessing's start method "fork"), "tensorflow" does not work and raises InputError; use
    the start method "spawn" for it.

    Attributes:
      size: (height, width) that images are padded or resized to; None: any size is accepted.
      num_classes: number of classes; the labels are 0 to num_classes - 1.
      metadata: the content of the JSON beside the file: classes, colors, dataset and more; may be empty.
      workers: default number of stream workers: cores // threads per worker, at least 1.
    """

    def __init__(
        self,
        path_or_model: Any,
        *,
        num_threads: int | None = None,
        engine: str | None = None,
        resize_mode: str = "auto",
    ):
        """Loads the network.

        Args:
          path_or_model: for the engine "tensorflow" a Keras network, .keras file, run folder or SavedModel folder;
            for "onnxruntime" the path of a .onnx file; for the other engines the path of a .tflite file. For all but
            "onnxruntime": "preset:NAME", a network of `preset_names`.
          num_threads: threads per image; None: one for "litert", all cores for the others.
          engine: "litert"; "tensorflow"; "openvino", in bfloat16 if the processor supports bfloat16;
            "openvino-float32"; or "onnxruntime". These need the extras [openvino] and [onnx]. None: "onnxruntime" for
            .onnx files, "tensorflow" for Keras networks, .keras files and folders, "litert" for all others.
          resize_mode: how to adapt images of another size. "resize"; "pad", which refuses larger images; or "auto",
            which pads images that are smaller by less than the network's size multiple (32 for cn14) and resizes
            all others.

        Raises:
          InputError: the engine or resize mode is unknown, or the engine is not installed; the file is missing,
            damaged or of another kind; or `num_threads` is not a positive integer, or can no longer be set.
        """
        engine = engine_for(path_or_model) if engine is None else engine
        checked_choice("engine", engine, tuple(ENGINES))
        checked_choice("resize_mode", resize_mode, RESIZE_MODES)
        num_threads = checked_count("num_threads", num_threads)
        source = path_or_model
        if isinstance(source, str):
            source = (resolved if engine == "tensorflow" else exported_preset)(source)
        self._engine = ENGINES[engine](source, num_threads)
        if source is path_or_model and isinstance(source, str | os.PathLike):
            path_or_model = os.path.abspath(source)  # a copy may be made in another working folder
        self._arguments = path_or_model, num_threads, engine, resize_mode
        self._twins, self._twins_lock = [self._engine], threading.Lock()
        self._most_padding = most_padding(resize_mode, self._engine.size_multiple)
        self.size = self._engine.size
        self.num_classes = self._engine.num_classes
        self.metadata = self._engine.metadata
        self.workers = max(1, available_cores() // self._engine.num_threads)

    def __reduce__(self):
        return _loaded, self._arguments

    def segment(self, image: np.ndarray) -> np.ndarray:
        """One image uint8 [H, W, 3] RGB of any size -> train ids uint8 [H, W].

        Raises:
          InputError: the image is not uint8 [H, W, 3] with at least one pixel, or is too large to be padded.
        """
        return self._segment(self._engine, image)

    def stream(
        self, frames: Iterable[np.ndarray], pipelined: bool = True, *, workers: int | None = None
    ) -> Iterator[np.ndarray]:
        """The labels of each frame, uint8 [H, W, 3] -> uint8 [H, W], in the order of the frames.

        If `pipelined`, several worker threads with concurrent engines label frames while the calling thread reads
        frames and consumes labels. At most workers + 1 frames are in flight, so later frames may be read before the
        labels of a frame are returned. Otherwise each frame is labeled before the next one is read. Do not modify a
        frame before its labels are returned.

        An exception from the source or for a frame is raised in place of that frame's labels and ends the stream.
        Closing the stream early waits for the frames being labeled and drops the queued frame.

        `workers` None: the attribute `workers`. The workers share the file's content; their engines are kept for the
        next stream.

        Raises:
          InputError: `frames` cannot be iterated; a frame is not uint8 [H, W, 3] with at least one pixel, or is too
            large to be padded; or `workers` is not a positive integer.
        """
        workers = checked_count("workers", workers)
        if not isinstance(frames, Iterable):
            raise InputError(f"frames are a {type(frames).__name__}; give any iterable of images")
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
        if logits.ndim == 2:  # labels, from a file with the arg-max in the graph
            return fit_labels(logits, size, self._most_padding)
        if not is_padded(size, target, self._most_padding):
            return upsample_argmax(logits, size)
        return upsample_argmax(logits, target)[: size[0], : size[1]]


def _loaded(path_or_model: Any, num_threads: int | None, engine: str, resize_mode: str) -> Segmenter:
    """A Segmenter of its arguments by position, for pickle."""
    return Segmenter(path_or_model, num_threads=num_threads, engine=engine, resize_mode=resize_mode)
