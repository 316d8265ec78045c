"""What runs a network: one small class for each engine, all with what `Engine` says."""

import os
import pathlib
import threading
from typing import Any, Protocol

import numpy as np

from contextnet_tf.deployment.metadata import read_metadata
from contextnet_tf.errors import InputError


class Engine(Protocol):
    """Runs one network.

    Attributes:
      size: (height, width) of the pictures it takes, or None for any multiples of `size_multiple`.
      size_multiple: what the network needs height and width to be divisible by.
      num_classes: number of classes C.
      metadata: what is known of the network, see `describe`; may be empty.
    """

    size: tuple[int, int] | None
    size_multiple: int
    num_classes: int
    metadata: dict[str, Any]

    def picture_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) to which a picture of `size` must be brought."""

    def logits(self, picture: np.ndarray) -> np.ndarray:
        """One picture uint8 [H, W, 3] RGB of a size that it takes -> logits float32 [H/f, W/f, C].

        A file that has the arg-max inside gives its labels in their place: train ids uint8 [H, W].
        """


class LiteRTEngine:
    """A .tflite file as `export_tflite` writes it, on LiteRT. Threads that share it take turns.

    Its output may be logits or probabilities, float32 or quantized to 8 bits, or labels.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int | None = None):
        """Loads the file; `num_threads` None leaves their number to LiteRT.

        Raises:
          InputError: the file is missing, damaged, or of another kind.
        """
        from ai_edge_litert.interpreter import Interpreter  # a second, and nobody else needs it

        content = _content(path)
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"{path}: cannot be used ({reason}); export the network again") from None
        picture, output = _picture_and_output(path, self._interpreter)
        self._picture, self._output = picture["index"], output["index"]
        self._scale, self._zero_point = output["quantization"]  # 0.0 and 0 where the output is not quantized
        self._lock = threading.Lock()
        self.size = tuple(picture["shape"][1:3].tolist())
        self.metadata = read_metadata(path)
        shape = output["shape"].tolist()
        # Labels alone do not say how many classes there are; uint8 tells no more than 256 apart.
        self.num_classes = shape[3] if len(shape) == 4 else self.metadata.get("num_classes", 256)
        factor = self.size[0] // shape[1]  # without metadata the least that it can be
        self.size_multiple = self.metadata.get("picture", {}).get("size_multiple", factor)

    def picture_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """See `Engine`."""
        del size
        return self.size

    def logits(self, picture: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        with self._lock:
            self._interpreter.set_tensor(self._picture, picture[None])
            self._interpreter.invoke()
            output = self._interpreter.get_tensor(self._output)[0]
        if not self._scale:
            return output
        return (output.astype(np.float32) - self._zero_point) * np.float32(self._scale)


class KerasEngine:
    """A Keras network, or the .keras file or run folder that holds one, on TensorFlow."""

    def __init__(self, model: Any, num_threads: int | None = None):
        """Takes the network; `num_threads` must come before TensorFlow's first operation.

        Raises:
          InputError: the file is missing, damaged or no network; the object is no network; or TensorFlow
            is already running with another number of threads.
        """
        import keras
        import tensorflow as tf

        from contextnet_tf.deployment.network import logits_network
        from contextnet_tf.models.loading import load_network
        from contextnet_tf.models.sizes import padded_size, size_multiple

        if num_threads is not None:
            _set_tensorflow_threads(num_threads)
        if isinstance(model, str | os.PathLike):
            model = load_network(model)
        elif not isinstance(model, keras.Model):
            raise InputError(f"a {type(model).__name__} is no network; give a Keras model or a file's path")
        network = logits_network(model)

        # Traced once for each size: Keras' upsampling takes no size that is known only when it runs.
        @tf.function(autograph=False)
        def run(picture: tf.Tensor) -> tf.Tensor:
            return network(tf.cast(picture, tf.float32)[tf.newaxis] / 255.0, training=False)[0]

        self._run, self._padded_size = run, padded_size
        size = tuple(model.input_shape[1:3])
        self.size = None if None in size else size
        self.size_multiple = size_multiple(model)
        self.num_classes = network.output_shape[-1]
        self.metadata = {}

    def picture_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """See `Engine`."""
        return self.size or self._padded_size(size, self.size_multiple)

    def logits(self, picture: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        return self._run(picture).numpy()


ENGINES = {"litert": LiteRTEngine, "tensorflow": KerasEngine}


def _content(path: str | os.PathLike) -> bytes:
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"engine litert runs a .tflite file, not a {type(path).__name__}; give its path")
    if not pathlib.Path(path).is_file():
        raise InputError(f"{path}: is not a file; name a .tflite file that the export wrote")
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if content[4:8] != b"TFL3":  # the identifier that stands in every TFLite file
        raise InputError(f"{path}: is not a TFLite file; name a .tflite file that the export wrote")
    return content


def _picture_and_output(path: str | os.PathLike, interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """LiteRT's details of the input uint8 [1, H, W, 3] and of the output, see `_is_segmentation`."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    picture, output = inputs[0], outputs[0]
    if len(inputs) == len(outputs) == 1 and _is_segmentation(picture, output):
        return picture, output
    takes, gives = (f"{x['dtype'].__name__} {x['shape'].tolist()}" for x in (picture, output))
    raise InputError(
        f"{path}: takes {takes} and gives {gives}; a segmentation file takes uint8 "
        "[1, H, W, 3] and gives float32 or quantized [1, H/f, W/f, classes], or labels uint8 [1, H, W]"
    )


def _is_segmentation(picture: dict[str, Any], output: dict[str, Any]) -> bool:
    """Whether uint8 [1, H, W, 3] goes in, and logits [1, H/f, W/f, C] or labels uint8 [1, H, W] come out."""
    shape, out = picture["shape"].tolist(), output["shape"].tolist()
    if picture["dtype"] != np.uint8 or len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
        return False
    quantized = output["dtype"] in (np.uint8, np.int8) and output["quantization"][0] > 0
    if len(out) == 4 and (quantized or output["dtype"] == np.float32):
        return out[0] == 1 and shape[1] * out[2] == shape[2] * out[1] and shape[1] % out[1] == 0
    return output["dtype"] == np.uint8 and out == shape[:3]


def _set_tensorflow_threads(num_threads: int) -> None:
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() == num_threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(num_threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        raise InputError(
            f"num_threads = {num_threads}: TensorFlow is already running; set it before its first operation"
        ) from None
