"""LiteRT, the runtime of TFLite files and the default engine."""

import os

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from contextnet_tf.deployment.engines.tflite_file import TFLiteEngine, unusable
from contextnet_tf.machine import quietly


class LiteRTEngine(TFLiteEngine):
    """Runs a .tflite file written by `export_tflite` on LiteRT. Inference is serialized.

    The output may be labels, or logits or probabilities in float32 or quantized to 8 bits.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int | None = None):
        """Loads the file; `num_threads` None means one thread, LiteRT's default.

        Raises:
          InputError: the file is missing, damaged, or of another kind.
        """
        super().__init__(path)
        self.num_threads = num_threads or 1
        try:
            self._start()
        except (ValueError, RuntimeError) as error:
            raise unusable(path, error) from None

    def _start(self) -> None:
        with quietly():  # LiteRT says which delegate it created
            self._interpreter = Interpreter(model_content=self._file.content, num_threads=self.num_threads)
            self._interpreter.allocate_tensors()
        self._image = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def _run(self, images: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._image, images)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]
