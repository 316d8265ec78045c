"""TensorFlow: runs Keras networks and exported SavedModel folders."""

import os
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.deployment.metadata import is_saved_model, read_metadata, require_described
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.evaluation.traced import TracedPerSize
from contextnet_tf.machine import available_cores
from contextnet_tf.models.graph import require_segmentation_network
from contextnet_tf.models.inputs import padded_size
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.outputs import without_aux_heads, without_upsampling
from contextnet_tf.models.sizes import size_multiple


class KerasEngine:
    """Runs a Keras network, given as an object, .keras file or run folder. Thread-safe; inference runs concurrently."""

    def __init__(self, model: Any, num_threads: int):
        """Loads the network; TensorFlow is already configured with `num_threads`.

        Raises:
          InputError: the file is missing, damaged or not a network; or the object is not a network.
        """
        if isinstance(model, str | os.PathLike):
            model = load_network(model)
        elif not isinstance(model, keras.Model):
            raise InputError(f"a {type(model).__name__} is not a network; give a Keras model or a file's path")
        require_segmentation_network(model)
        self._process = os.getpid()
        network, _ = without_upsampling(without_aux_heads(model))

        def run(image: tf.Tensor) -> tf.Tensor:
            return network(tf.cast(image, tf.float32)[tf.newaxis] / 255.0, training=False)["main"][0]

        self._run, self.num_threads = TracedPerSize(run), num_threads
        height, width = model.input_shape[1:3]
        self.size: tuple[int, int] | None = None if height is None or width is None else (height, width)
        self.size_multiple = size_multiple(model)
        self.num_classes = network.output_shape[-1]
        self.metadata: dict[str, Any] = {}

    def image_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """See `Engine`."""
        return self.size or padded_size(size, self.size_multiple)

    def logits(self, image: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        _require_process(self._process)
        return self._run(image).numpy()

    def twin(self) -> Self:
        """See `Engine`."""
        return self


class SavedModelEngine:
    """Runs a folder written by `export_saved_model`; logits have the image size. Thread-safe, runs concurrently."""

    def __init__(self, path: str | os.PathLike, num_threads: int):
        """Loads the folder; TensorFlow is already configured with `num_threads`.

        Raises:
          InputError: the folder is damaged, or has no signature "logits": uint8 [B, H, W, 3] -> float32 [B, H, W, C].
        """
        self._process = os.getpid()
        try:
            # The signature holds no reference to its weights, so the loaded object must stay alive.
            self._loaded = tf.saved_model.load(str(path))
        except Exception as error:  # TensorFlow's loader raises many exception types for a damaged folder
            raise InputError(f"{path}: cannot be loaded ({reason_of(error)}); export the network again") from None
        self._run = self._loaded.signatures.get("logits")
        self._input, image, logits = _image_and_logits(self._run) if self._run else ("", [], [])
        if not logits:
            raise InputError(f"{path}: has no signature from an image to logits; give a folder that the export wrote")
        self.size: tuple[int, int] = (image[1], image[2])
        self.num_classes = logits[3]
        self.metadata, self.num_threads = read_metadata(path), num_threads
        require_described(path, self.metadata, size=self.size, output=[1, *logits[1:]])
        self.size_multiple = self.metadata.get("image", {}).get("size_multiple", 1)

    def image_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """See `Engine`."""
        del size
        return self.size

    def logits(self, image: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        _require_process(self._process)
        return self._run(**{self._input: tf.constant(image[None])})["logits"][0].numpy()

    def twin(self) -> Self:
        """See `Engine`."""
        return self


def tensorflow_engine(source: Any, num_threads: int | None = None) -> KerasEngine | SavedModelEngine:
    """The engine for `source`: a network, a .keras file, a run folder or a SavedModel folder.

    `num_threads` must be set before TensorFlow's first operation; None: TensorFlow's default.

    Raises:
      InputError: see the engines; or TensorFlow is already running with another number of threads.
    """
    if num_threads is not None:
        _set_threads(num_threads)
    num_threads = num_threads or available_cores()
    if isinstance(source, str | os.PathLike) and is_saved_model(source):
        return SavedModelEngine(source, num_threads)
    return KerasEngine(source, num_threads)


def _require_process(process: int) -> None:
    """Refuses to run in a process forked from `process`: TensorFlow's threads are not there, and it waits forever."""
    if os.getpid() != process:
        raise InputError(
            "engine tensorflow: does not work in a forked process; use multiprocessing's start method 'spawn', or the "
            "engine 'litert'"
        )


def _image_and_logits(function: Any) -> tuple[str, list[int], list[int]]:
    """The input name, image shape and logits shape of a signature; empty if the signature has no fixed size.

    Version 0.1 named the input "picture".
    """
    inputs = function.structured_input_signature[1]
    logits = function.structured_outputs.get("logits")
    name = next((name for name in ("image", "picture") if name in inputs), None)
    if name is None or logits is None or inputs[name].dtype != tf.uint8 or logits.dtype != tf.float32:
        return "", [], []
    image, logits = inputs[name].shape.as_list(), logits.shape.as_list()
    fixed = len(image) == len(logits) == 4 and None not in image[1:] and image[1:3] == logits[1:3]
    return (name, image, logits) if fixed else ("", [], [])


def _set_threads(num_threads: int) -> None:
    if tf.config.threading.get_intra_op_parallelism_threads() == num_threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(num_threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        raise InputError(
            f"num_threads = {num_threads}: TensorFlow is already running; set it before its first operation"
        ) from None
