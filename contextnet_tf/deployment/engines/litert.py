"""LiteRT, the runtime of TFLite files: the engine that runs on every device."""

import copy
import os
import threading
from typing import Self

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from contextnet_tf.deployment.engines.tflite_file import read_tflite, unusable


class LiteRTEngine:
    """A .tflite file as `export_tflite` writes it, on LiteRT. Threads that share it take turns.

    Its output may be logits or probabilities, float32 or quantized to 8 bits, or labels.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int | None = None):
        """Loads the file; `num_threads` None is one, as LiteRT has it.

        Raises:
          InputError: the file is missing, damaged, or of another kind.
        """
        self._file, self.num_threads = read_tflite(path), num_threads or 1
        self.size, self.size_multiple = self._file.size, self._file.size_multiple
        self.num_classes, self.metadata = self._file.num_classes, self._file.metadata
        try:
            self._start()
        except (ValueError, RuntimeError) as error:
            raise unusable(path, error) from None

    def _start(self) -> None:
        self._interpreter = Interpreter(model_content=self._file.content, num_threads=self.num_threads)
        self._interpreter.allocate_tensors()
        self._picture = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._lock = threading.Lock()

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
        return self._file.dequantized(output)

    def twin(self) -> Self:
        """See `Engine`."""
        twin = copy.copy(self)
        twin._start()
        return twin
