"""OpenVINO, for Intel's and other x86 and ARM processors: the extra `[openvino]`."""

import copy
import os
import threading
from typing import Self

import numpy as np

from contextnet_tf.deployment.engines.tflite_file import read_tflite, unusable
from contextnet_tf.errors import InputError
from contextnet_tf.machine import available_cores

try:
    import openvino
except ImportError:
    raise InputError("engine openvino: OpenVINO is not installed; pip install 'contextnet_tf[openvino]'") from None


class OpenVINOEngine:
    """A .tflite file as `export_tflite` writes it, on OpenVINO's CPU. Threads that share it take turns.

    OpenVINO computes in bfloat16 where the processor has it, which is faster and moves some borders of classes by
    a pixel; `precision` "f32" forbids that.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int | None = None, precision: str | None = None):
        """Loads the file; `num_threads` None takes all cores, `precision` None OpenVINO's own choice.

        Raises:
          InputError: the file is missing, damaged, or of another kind.
        """
        self._file = read_tflite(path)
        self.size, self.size_multiple = self._file.size, self._file.size_multiple
        self.num_classes, self.metadata = self._file.num_classes, self._file.metadata
        self.num_threads = num_threads or available_cores()
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self.num_threads,
            "ENABLE_CPU_PINNING": False,  # twins would share a core
        }
        if precision is not None:
            self._settings["INFERENCE_PRECISION_HINT"] = precision
        try:
            self._model = openvino.Core().read_model(path)
            self._start()
        except RuntimeError as error:
            raise unusable(path, error) from None

    def _start(self) -> None:
        self._request = openvino.Core().compile_model(self._model, "CPU", self._settings).create_infer_request()
        self._lock = threading.Lock()

    def picture_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """See `Engine`."""
        del size
        return self.size

    def logits(self, picture: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        with self._lock:
            output = self._request.infer([picture[None]])[0][0]
        return self._file.dequantized(output)

    def twin(self) -> Self:
        """See `Engine`."""
        twin = copy.copy(self)
        twin._start()
        return twin
