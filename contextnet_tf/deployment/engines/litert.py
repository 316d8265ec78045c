"""LiteRT, the runtime of TFLite files: the engine that runs on every device."""

import os

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from contextnet_tf.deployment.engines.tflite_file import TFLiteEngine, unusable


class LiteRTEngine(TFLiteEngine):
    """A .tflite file as `export_tflite` writes it, on LiteRT. Threads that share it take turns.

    Its output may be logits or probabilities, float32 or quantized to 8 bits, or labels.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int | None = None):
        """Loads the file; `num_threads` None is one, as LiteRT has it.

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
        self._interpreter = Interpreter(model_content=self._file.content, num_threads=self.num_threads)
        self._interpreter.allocate_tensors()
        self._image = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def _run(self, images: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._image, images)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]
